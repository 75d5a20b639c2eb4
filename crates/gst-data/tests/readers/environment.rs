//! AudioCaps, CHiME-Home, Clotho, CochlScene, MACS, OpenAQA, SoundDescs, WavCaps.

use super::host::Host;

const AUDIOCAPS: &str = r#"audiocaps = { path = "data" }"#;

fn audiocaps() -> Host {
    let host = Host::new();
    host.file("dataset/train.csv", "audiocap_id,youtube_id,start_time,caption\n11,aB-_1,30,\"A dog barks, then a \"\"horn\"\" sounds\"\n12,gone0,0,Wind\n13,xyzAB,0,Rain falls\n");
    host.file("dataset/val.csv", "audiocap_id,youtube_id,start_time,caption\n21,vvvvv,5,Bells\n22,vvvvv,5,Bells ring\n");
    host.file("dataset/test.csv", "audiocap_id,youtube_id,start_time,caption\r\n31,ttttt,120,Cats fight\r\n");
    host.clips(&[
        "audio/YaB-_1.wav",
        "audio/xyzAB_0_10.flac",
        "audio/more/vvvvv_5000_15000.wav",
        "audio/31.mp3",
        "audio/other.txt",
    ]);
    host
}

#[test]
fn audiocaps_rows() {
    let host = audiocaps();
    host.check(
        AUDIOCAPS,
        r#"
            train | 11 | YaB-_1.wav | What does this recording sound like? | A dog barks, then a "horn" sounds | -
            train | 13 | xyzAB_0_10.flac | Describe what can be heard. | Rain falls | -
            validation | 21 | more/vvvvv_5000_15000.wav | What does this recording sound like? | Bells | -
            validation | 22 | more/vvvvv_5000_15000.wav | What does this recording sound like? | Bells ring | -
            test | 31 | 31.mp3 | What is happening in this recording? | Cats fight | -
        "#,
    );
    // The row without a clip is counted; with `missing = "error"` it ends the reading.
    assert_eq!(host.import(AUDIOCAPS).unwrap().left_out, 1);
    host.fails(r#"audiocaps = { path = "data", missing = "error" }"#, &["train.csv:3", "gone0.wav", "leave-out"]);
}

#[test]
fn audiocaps_errors() {
    let host = audiocaps();
    host.file("dataset/val.csv", "audiocap_id,youtube,start_time,caption\n");
    host.fails(AUDIOCAPS, &["val.csv", "no column `youtube_id`", "did you mean `youtube`", "audiocap_id, youtube, start_time"]);
    host.file("dataset/val.csv", "audiocap_id,youtube_id,start_time,caption\n1,v,soon,x\n");
    host.fails(AUDIOCAPS, &["val.csv:2 (dataset audiocaps)", "`soon`", "seconds"]);
    host.file("dataset/val.csv", "audiocap_id,youtube_id,start_time,caption\n1,v,5\n");
    host.fails(AUDIOCAPS, &["val.csv:2", "3 fields", "`caption`"]);
    host.file("dataset/val.csv", "audiocap_id,youtube_id,start_time,caption\n1,v,5,caf\u{e9}\n2,v,5,  \n");
    host.fails(AUDIOCAPS, &["val.csv:3", "`caption` is empty"]);
    host.file("dataset/val.csv", b"audiocap_id,youtube_id,start_time,caption\n1,v,5,caf\xe9\n");
    host.fails(AUDIOCAPS, &["val.csv:2", "not UTF-8 at byte 3"]);
    host.remove("dataset/val.csv");
    host.fails(AUDIOCAPS, &["data/val.csv", "nor dataset/val.csv", "github.com/cdjkim/audiocaps", "dataset audiocaps"]);
    host.fails(r#"audiocaps = { path = "data", version = "2" }"#, &["nor dataset2.0/train.csv"]);
}

const CHIME: &str = r#"chime_home = { path = "data" }"#;

fn chime_home() -> Host {
    let host = Host::new();
    host.file("development_chunks_refined.csv", "1,CR_a.s0_chunk0\n2,CR_a.s0_chunk1\n3,CR_a.s0_chunk2\n4,CR_a.s0_chunk3\n");
    host.file("evaluation_chunks_refined.csv", "9,CR_b.s60_chunk7\n");
    for (chunk, vote) in [
        ("CR_a.s0_chunk0", "cv"),
        ("CR_a.s0_chunk1", "S"),
        ("CR_a.s0_chunk2", "U"),
        ("CR_a.s0_chunk3", ""),
        ("CR_b.s60_chunk7", "opc"),
    ] {
        let labels = format!(
            "segmentname,CR_a.s0\nchunknumber,0\nframestart,0\nchunkname,{chunk}\nannotation_a1,c\nsession_a1,1\nmajorityvote,{vote}\n"
        );
        host.file(&format!("chunks/{chunk}.csv"), labels);
        host.clips(&[&format!("chunks/{chunk}.16kHz.wav"), &format!("chunks/{chunk}.48kHz.wav")]);
    }
    host
}

#[test]
fn chime_home_rows() {
    let host = chime_home();
    host.check(CHIME, r#"
            train | CR_a.s0_chunk0 | chunks/CR_a.s0_chunk0.16kHz.wav | What can be heard here: speech, television, noise or something else? | child speech, video game or television | cv
            train | CR_a.s0_chunk1 | chunks/CR_a.s0_chunk1.16kHz.wav | Name the kinds of sound in this domestic recording. | none of them | S
            test | CR_b.s60_chunk7 | chunks/CR_b.s60_chunk7.16kHz.wav | Which kinds of sound are heard in this home? | child speech, percussive sounds, other identifiable sounds | opc
        "#);
    let rows = host.rows(r#"chime_home = { path = "data", rate = "48kHz" }"#);
    assert!(rows.iter().all(|row| row.contains(".48kHz.wav")));
}

#[test]
fn chime_home_errors() {
    let host = chime_home();
    host.file("chunks/CR_a.s0_chunk1.csv", "majorityvote,cx\n");
    host.fails(CHIME, &["CR_a.s0_chunk1.csv:1", "`x`", "c m f v p b o S U"]);
    host.file("chunks/CR_a.s0_chunk1.csv", "segmentname,x\n");
    host.fails(CHIME, &["CR_a.s0_chunk1.csv", "majorityvote,LETTERS"]);
    host.remove("chunks/CR_a.s0_chunk1.csv");
    host.fails(CHIME, &["chunks/CR_a.s0_chunk1.csv", "not found"]);
    host.fails(r#"chime_home = { path = "data", chunks = "raw" }"#, &["development_chunks_raw.csv", "chime_home.tar.gz"]);
    host.fails(
        r#"chime_home = { path = "data", rate = "44kHz" }"#,
        &["list.toml:2", "`rate` is \"44kHz\"", "\"16kHz\", \"48kHz\""],
    );
}

const CLOTHO: &str = r#"clotho = { path = "data" }"#;

fn clotho() -> Host {
    let host = Host::new();
    let header = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n";
    host.file(
        "clotho_captions_development.csv",
        format!("{header}Bees & co.wav,\"Bees, many of them, hum\",b2,b3,b4,b5\n rain.wav,r1,r2,r3,r4,r5\n"),
    );
    host.file("clotho_captions_validation.csv", format!("{header}v.wav,v1,v2,v3,v4,v5\n"));
    host.file("clotho_captions_evaluation.csv", format!("{header}e.wav,e1,e2,e3,e4,e5\n"));
    let keywords = "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\n";
    let metadata = [keywords.as_bytes(), b"Bees & co.wav,caf\xe9;bee; hum,1,https://freesound.org,\"[0, 9]\",ann,CC0\n"].concat();
    host.file("clotho_metadata_development.csv", metadata);
    host.file("clotho_metadata_validation.csv", format!("{keywords}v.wav,vee,1,x,x,x,x\n"));
    host.file("clotho_metadata_evaluation.csv", format!("{keywords}e.wav,eee,1,x,x,x,x\n"));
    host.clips(&["development/Bees & co.wav", "development/ rain.wav", "validation/v.wav", "evaluation/e.wav"]);
    host
}

#[test]
fn clotho_rows() {
    let host = clotho();
    let rows = host.rows(CLOTHO);
    assert_eq!(rows.len(), 20);
    host.check(r#"clotho = { path = "data", keywords = true }"#, r#"
            train | development/Bees & co.wav#1 | development/Bees & co.wav | Summarise this recording in one sentence. | Bees, many of them, hum | -
            train | development/Bees & co.wav#2 | development/Bees & co.wav | What does this recording sound like? | b2 | -
            train | development/Bees & co.wav#3 | development/Bees & co.wav | Summarise this recording in one sentence. | b3 | -
            train | development/Bees & co.wav#4 | development/Bees & co.wav | What is happening in this recording? | b4 | -
            train | development/Bees & co.wav#5 | development/Bees & co.wav | What does this recording sound like? | b5 | -
            train | development/ rain.wav#1 | development/ rain.wav | What does this recording sound like? | r1 | -
            train | development/ rain.wav#2 | development/ rain.wav | Describe what can be heard. | r2 | -
            train | development/ rain.wav#3 | development/ rain.wav | What does this recording sound like? | r3 | -
            train | development/ rain.wav#4 | development/ rain.wav | Describe what can be heard. | r4 | -
            train | development/ rain.wav#5 | development/ rain.wav | Write a caption for this sound. | r5 | -
            train | development/Bees & co.wav#keywords | development/Bees & co.wav | Give keywords for this sound. | café, bee, hum | -
            validation | validation/v.wav#1 | validation/v.wav | Summarise this recording in one sentence. | v1 | -
            validation | validation/v.wav#2 | validation/v.wav | Write a caption for this sound. | v2 | -
            validation | validation/v.wav#3 | validation/v.wav | What is happening in this recording? | v3 | -
            validation | validation/v.wav#4 | validation/v.wav | Describe what can be heard. | v4 | -
            validation | validation/v.wav#5 | validation/v.wav | Describe what can be heard. | v5 | -
            validation | validation/v.wav#keywords | validation/v.wav | Give keywords for this sound. | vee | -
            test | evaluation/e.wav#1 | evaluation/e.wav | Describe what can be heard. | e1 | -
            test | evaluation/e.wav#2 | evaluation/e.wav | Write a caption for this sound. | e2 | -
            test | evaluation/e.wav#3 | evaluation/e.wav | Write a caption for this sound. | e3 | -
            test | evaluation/e.wav#4 | evaluation/e.wav | What is happening in this recording? | e4 | -
            test | evaluation/e.wav#5 | evaluation/e.wav | Describe what can be heard. | e5 | -
            test | evaluation/e.wav#keywords | evaluation/e.wav | Give keywords for this sound. | eee | -
        "#);
}

#[test]
fn clotho_errors() {
    let host = clotho();
    host.remove("clotho_metadata_evaluation.csv");
    host.fails(
        r#"clotho = { path = "data", keywords = true }"#,
        &["clotho_metadata_evaluation.csv", "zenodo.org/records/4783391"],
    );
    host.file("clotho_captions_validation.csv", "file_name,caption_1,caption_2,caption_3,caption_5\n");
    host.fails(CLOTHO, &["clotho_captions_validation.csv", "no column `caption_4`"]);
    host.file("clotho_captions_validation.csv", "");
    host.fails(CLOTHO, &["clotho_captions_validation.csv", "empty"]);
    clotho().remove("development/ rain.wav").fails(CLOTHO, &["clotho_captions_development.csv:3", "development/ rain.wav"]);
    host.fails(r#"clotho = { path = "data", keywords = "yes" }"#, &["`keywords`", "true or false"]);
}

const COCHL: &str = r#"cochlscene = { path = "data" }"#;

#[test]
fn cochlscene_rows_and_errors() {
    let host = Host::new();
    host.clips(&[
        "Train/Bus/b_1.wav",
        "Train/SubwayStation/s_1.wav",
        "Val/Cafe/c_1.wav",
        "Test/CrowdedIndoor/i_1.wav",
        "Train/Bus/notes.txt",
    ]);
    host.check(COCHL, r#"
            train | train/Bus/b_1.wav | Train/Bus/b_1.wav | Where was this recorded? | bus | bus
            train | train/SubwayStation/s_1.wav | Train/SubwayStation/s_1.wav | Where was this recorded? | subway station | subway station
            validation | val/Cafe/c_1.wav | Val/Cafe/c_1.wav | In which place is this? | cafe | cafe
            test | test/CrowdedIndoor/i_1.wav | Test/CrowdedIndoor/i_1.wav | What kind of place does this sound like? | crowded indoor place | crowded indoor place
        "#);
    host.clips(&["Test/Beach/x.wav"]);
    host.fails(COCHL, &["Test/Beach", "none of the 13 places", "subwaystation"]);
    let host = Host::new();
    host.clips(&["Train/Bus/b_1.wav"]);
    host.fails(COCHL, &["data/val", "zenodo.org/records/7080122"]);
}

const MACS: &str = r#"macs = { path = "data", test_share = 0.5 }"#;

fn macs() -> Host {
    let host = Host::new();
    let yaml = "files:\n- annotations:\n  - annotator_id: 1\n    sentence: 'people talk: a door closes'\n    tags:\n    - adults_talking\n    - footsteps\n  - annotator_id: 2\n    sentence: a crowd murmurs\n    tags:\n    - adults_talking\n  filename: airport-lyon-0-0-a.wav\n- annotations:\n  - annotator_id: 3\n    sentence: birds sing\n    tags: []\n  filename: airport-lyon-0-17-a.wav\n- annotations:\n  - annotator_id: 1\n    sentence: a tram passes\n    tags: [traffic_noise]\n  filename: tram-paris-7-3-a.wav\n- annotations:\n  - annotator_id: 1\n    sentence: a siren wails\n    tags: [siren]\n  filename: park-rome-3-1-b.wav\n";
    host.file("MACS.yaml", yaml);
    host.file("MACS_competence.csv", "annotator_id\tcompetence\n1\t0.91\n2\t0.4\n3\t0.8\n");
    for clip in ["airport-lyon-0-0-a", "airport-lyon-0-17-a", "tram-paris-7-3-a", "park-rome-3-1-b"] {
        host.clips(&[&format!("TAU-urban-acoustic-scenes-2019-development/audio/{clip}.wav")]);
    }
    host
}

#[test]
fn macs_rows() {
    let host = macs();
    host.check(MACS, r#"
            train | airport-lyon-0-0-a.wav#1 | airport-lyon-0-0-a.wav | Describe what can be heard. | people talk: a door closes | -
            train | airport-lyon-0-0-a.wav#2 | airport-lyon-0-0-a.wav | Summarise this recording in one sentence. | a crowd murmurs | -
            train | airport-lyon-0-17-a.wav#3 | airport-lyon-0-17-a.wav | What does this recording sound like? | birds sing | -
            test | tram-paris-7-3-a.wav#1 | tram-paris-7-3-a.wav | Write a caption for this sound. | a tram passes | -
            test | park-rome-3-1-b.wav#1 | park-rome-3-1-b.wav | Describe what can be heard. | a siren wails | -
        "#);
    host.check(r#"macs = { path = "data", test_share = 0.5, questions = ["tags", "caption"], competence = 0.5 }"#, r#"
            train | airport-lyon-0-0-a.wav#1 | airport-lyon-0-0-a.wav | Describe what can be heard. | people talk: a door closes | -
            train | airport-lyon-0-17-a.wav#3 | airport-lyon-0-17-a.wav | What does this recording sound like? | birds sing | -
            test | tram-paris-7-3-a.wav#1 | tram-paris-7-3-a.wav | Write a caption for this sound. | a tram passes | -
            test | park-rome-3-1-b.wav#1 | park-rome-3-1-b.wav | Describe what can be heard. | a siren wails | -
        "#);
    let rows = host.rows(r#"macs = { path = "data", test_share = 0.5, questions = ["caption", "tags"] }"#);
    assert!(rows.iter().any(|row| row.contains("#tags") && row.contains("| adults talking |")), "{rows:#?}");
}

#[test]
fn macs_errors() {
    let host = macs();
    host.file("MACS_competence.csv", "annotator_id,competence\n1,0.9\n");
    host.fails(r#"macs = { path = "data", competence = 0.5 }"#, &["MACS_competence.csv", "no column `annotator_id`"]);
    host.file("MACS.yaml", "files:\n- annotations: []\n  filename: abc.wav\n");
    host.fails(MACS, &["MACS.yaml", "SCENE-CITY-PLACE-PART-DEVICE.wav"]);
    host.file("MACS.yaml", "files:\n- annotations:\n  - annotator_id: one\n    sentence: x\n  filename: a-b-c-d-e.wav\n");
    host.fails(MACS, &["MACS.yaml:3", "not the YAML expected"]);
    host.remove("MACS.yaml");
    host.fails(MACS, &["MACS.yaml", "zenodo.org/records/5114771"]);
}

const OPENAQA: &str = r#"openaqa = { path = "data/openaqa_toy.json", clips = "data", test_share = 0.2 }"#;

fn openaqa() -> Host {
    let host = Host::new();
    let entry = |instruction: &str, input: &str, audio: &str, dataset: &str, task: &str, output: &str| serde_json::json!({"instruction": instruction, "input": input, "audio_id": audio, "dataset": dataset, "task": task, "output": output});
    let entries = [
        entry("Closed-ended question: What is it?", "", "/data/x/audio/abc_-1.flac", "as_2m", "cla_label", "Labels: Guitar"),
        entry("Why?", "Think first.", "/data/x/audio/abc_-1.flac", "as_2m", "open-ended question", "Because, \"so\"."),
        entry(
            "How large?",
            "",
            "/data/x/clotho_v2/development_16k/wind.wav",
            "clotho_development",
            "open-ended question",
            "Large.",
        ),
        entry("Here?", "", "/data/x/FSD50K//dev/77.wav", "fsd50k_tr", "cla_label", "Labels: Dog"),
        entry("There?", "", "/data/x/vgg/77.flac", "vggsound_train", "cla_label", "Labels: Cat"),
        entry("Not there?", "", "/data/x/gone.flac", "as_2m", "cla_label", "Labels: Wind"),
    ];
    host.file("openaqa_toy.json", serde_json::to_string_pretty(&entries).unwrap());
    host.clips(&["audioset/abc_-1.flac", "clotho/wind.wav", "fsd50k_tr/77.wav", "vggsound_train/clips/77.flac"]);
    host
}

#[test]
fn openaqa_rows() {
    let host = openaqa();
    host.check(
        OPENAQA,
        r#"
            train | 1 | audioset/abc_-1.flac | Closed-ended question: What is it? | Labels: Guitar | -
            train | 2 | audioset/abc_-1.flac | Why? Think first. | Because, "so". | -
            test | 3 | clotho/wind.wav | How large? | Large. | -
            test | 4 | fsd50k_tr/77.wav | Here? | Labels: Dog | -
            test | 5 | vggsound_train/clips/77.flac | There? | Labels: Cat | -
        "#,
    );
    assert_eq!(host.import(OPENAQA).unwrap().left_out, 1);
    let line = OPENAQA.replace(" }", r#", tasks = "cla_label", from = ["fsd50k_tr", "vggsound_train", "as_2m"] }"#);
    assert!(host.rows(&line).iter().all(|row| row.contains("Labels: ")));
    assert_eq!(host.rows(&line).len(), 3);
}

#[test]
fn openaqa_errors() {
    let host = openaqa();
    host.clips(&["clotho/again/wind.flac"]);
    host.fails(OPENAQA, &["openaqa_toy.json:", "two clips are named `wind`", "clotho/again/wind.flac"]);
    host.file("openaqa_toy.json", "[\n {\"instruction\": \"x\", \"audio_id\": \"y\",\n  \"dataset\": \"z\", \"task\": \"t\"}\n]");
    host.fails(OPENAQA, &["openaqa_toy.json:3", "missing field `output`"]);
    host.file("openaqa_toy.json", "[\n {\"instruction\": 7}\n]");
    host.fails(OPENAQA, &["openaqa_toy.json:2", "invalid type: integer `7`"]);
    host.file("openaqa_toy.json", "[] x");
    host.fails(OPENAQA, &["trailing characters"]);
    host.file("openaqa_toy.json", "{}");
    host.fails(OPENAQA, &["expected a list"]);
    host.file("openaqa_toy.json", "[");
    host.fails(OPENAQA, &["EOF"]);
    host.fails(r#"openaqa = { path = "data/none" }"#, &["openaqa_5.6M.json", "nor openaqa_toy.json"]);
}

const SOUNDDESCS: &str = r#"sounddescs = { path = "data", questions = ["description", "category"] }"#;

fn sounddescs() -> Host {
    let host = Host::new();
    host.file("data/SoundDescs/train_list.txt", "07000001\nnhu05000002\n\n");
    host.file("data/SoundDescs/val_list.txt", "07000003\n");
    host.file("data/SoundDescs/test_list.txt", "nhu05000004");
    host.file(
        "sounddescs_data/descriptions.json",
        r#"{"07000001": "Clock - ticks.", "nhu05000002": "Owl", "07000003": "Door", "nhu05000004": "Frog \u00b7 pond"}"#,
    );
    host.file(
        "sounddescs_data/categories.json",
        r#"{"07000001": ["Clocks", "Daily Life"], "nhu05000002": ["Nature"], "07000003": []}"#,
    );
    host.clips(&["audio/07000001.wav", "audio/NHU05000002.wav", "audio/07000003.wav", "audio/nhu05000004.mp3"]);
    host
}

#[test]
fn sounddescs_rows() {
    sounddescs().check(SOUNDDESCS, r#"
            train | 07000001#description | 07000001.wav | Write a caption for this sound. | Clock - ticks. | -
            train | 07000001#category | 07000001.wav | Categorise this sound effect. | Clocks, Daily Life | category=Clocks, Daily Life
            train | nhu05000002#description | NHU05000002.wav | Write a caption for this sound. | Owl | -
            train | nhu05000002#category | NHU05000002.wav | To which category does this sound belong? | Nature | category=Nature
            validation | 07000003#description | 07000003.wav | What does this recording sound like? | Door | -
            test | nhu05000004#description | nhu05000004.mp3 | Describe what can be heard. | Frog · pond | -
        "#);
    assert_eq!(sounddescs().rows(r#"sounddescs = { path = "data" }"#).len(), 4);
}

#[test]
fn sounddescs_errors() {
    let host = sounddescs();
    host.file("sounddescs_data/descriptions.json", r#"{"07000001": "Clock"}"#);
    host.fails(SOUNDDESCS, &["train_list.txt:2", "no description of `nhu05000002`"]);
    host.file("sounddescs_data/descriptions.json", "\u{80}not json");
    host.fails(SOUNDDESCS, &["descriptions.json", "not the JSON expected"]);
    host.remove("sounddescs_data/descriptions.json");
    host.fails(SOUNDDESCS, &["descriptions.json", "pickles are not read: python -c", "descriptions.pkl descriptions.json"]);
    sounddescs().remove("data/SoundDescs/val_list.txt").fails(SOUNDDESCS, &["val_list.txt", "audio-retrieval-benchmark"]);
}

const WAVCAPS: &str = r#"wavcaps = { path = "data", test_share = 0.5 }"#;

fn wavcaps() -> Host {
    let host = Host::new();
    host.file("json_files/FreeSound/fsd_final.json", r#"{"num_captions_per_audio": 1, "data": [{"id": "101", "file_name": "a b.wav", "href": "/x", "tags": ["t"], "caption": "A tone.", "audio": "wav_path", "duration": 3.2}, {"id": "102", "caption": "Excluded."}]}"#);
    host.file("json_files/BBC_Sound_Effects/bbc_final.json", r#"{"data": [{"description": "Saw", "category": "['Machines']", "caption": "A saw.", "id": "07066104", "duration": 138.36}], "num_captions_per_audio": 1}"#);
    host.file(
        "json_files/SoundBible/sb_final.json",
        r#"{"num_captions_per_audio": 1, "data": [{"title": "Bell", "author": "D", "caption": "A bell.", "id": "101"}]}"#,
    );
    host.file("json_files/AudioSet_SL/as_final.json", r#"{"num_captions_per_audio": 1, "data": [{"id": "Yb0RFK.wav", "caption": "Wind.", "audio": "wav_path", "duration": 10.0}, {"id": "Ygone.wav", "caption": "Gone."}, {"id": "Yleak.wav", "caption": "Leak."}]}"#);
    host.file("json_files/blacklist/blacklist_exclude_test_ac.json", r#"{"AudioSet": ["Yleak.wav"], "FreeSound": ["102"]}"#);
    host.clips(&[
        "waveforms/FreeSound_flac/101.flac",
        "waveforms/FreeSound_flac/102.flac",
        "waveforms/BBC_Sound_Effects_flac/07066104.flac",
        "waveforms/SoundBible_flac/101.flac",
        "waveforms/AudioSet_SL_flac/Yb0RFK.flac",
        "waveforms/AudioSet_SL_flac/Yleak.flac",
    ]);
    host
}

#[test]
fn wavcaps_rows() {
    let host = wavcaps();
    host.check(WAVCAPS, r#"
            train | FreeSound/101 | FreeSound_flac/101.flac | Write a caption for this sound. | A tone. | -
            train | BBC_Sound_Effects/07066104 | BBC_Sound_Effects_flac/07066104.flac | What does this recording sound like? | A saw. | -
            test | SoundBible/101 | SoundBible_flac/101.flac | Write a caption for this sound. | A bell. | -
            test | AudioSet_SL/Yb0RFK | AudioSet_SL_flac/Yb0RFK.flac | What does this recording sound like? | Wind. | -
        "#);
    let imported = host.import(WAVCAPS).unwrap();
    assert_eq!((imported.left_out, imported.rows.iter().sum::<usize>()), (1, 4));
    let all = host.rows(r#"wavcaps = { path = "data", test_share = 0.5, exclude = "none" }"#);
    assert_eq!(all.iter().filter(|row| row.contains("Leak.") || row.contains("Excluded.")).count(), 2);
    let some =
        host.rows(r#"wavcaps = { path = "data", test_share = 0.5, sources = ["FreeSound", "SoundBible", "BBC_Sound_Effects"] }"#);
    assert_eq!(some.len(), 3);
}

#[test]
fn wavcaps_errors() {
    let host = wavcaps();
    host.fails(r#"wavcaps = { path = "data", exclude = "all_ac" }"#, &["blacklist_exclude_all_ac.json", "exclude = \"none\""]);
    host.file("json_files/SoundBible/sb_final.json", r#"{"num_captions_per_audio": 1}"#);
    host.fails(WAVCAPS, &["sb_final.json", "no list `data`"]);
    host.remove("json_files/SoundBible/sb_final.json");
    host.fails(WAVCAPS, &["json_files/SoundBible/sb_final.json", "nor data/json_files"]);
    host.fails(r#"wavcaps = { path = "data", sources = ["Freesound"] }"#, &["`sources`", "\"FreeSound\", \"BBC_Sound_Effects\""]);
}

#[test]
fn what_clips_were_cut_from() {
    let origins = |host: Host, line: &str| host.origins(line).join(" ");
    assert_eq!(origins(audiocaps(), AUDIOCAPS), "youtube:aB-_1 youtube:ttttt youtube:vvvvv youtube:xyzAB");
    // Clotho's clips have their Freesound number where the metadata are there, and always their name.
    assert_eq!(origins(clotho(), CLOTHO), "clotho:_rain clotho:bees___co clotho:e clotho:v freesound:1");
    assert_eq!(
        origins(openaqa(), OPENAQA),
        "clotho:wind freesound:77 youtube:abc_-1",
        "a clip of VGGSound without a start in its name has none"
    );
    assert_eq!(origins(sounddescs(), SOUNDDESCS), "bbc:07000001 bbc:07000003 bbc:nhu05000002 bbc:nhu05000004");
    assert_eq!(origins(wavcaps(), WAVCAPS), "bbc:07066104 freesound:101 soundbible:101 youtube:b0RFK");
}

//! MTG-Jamendo, MusicNet, MusicQA.

use super::host::Host;

const JAMENDO: &str = r#"jamendo = { path = "data", clips = "data/songs" }"#;

fn jamendo() -> Host {
    let host = Host::new();
    let header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n";
    let folder = "data/splits/split-0/autotagging";
    host.file(
        &format!("{folder}-train.tsv"),
        format!("{header}track_1\tartist_1\talbum_1\t48/948.mp3\t212.7\tmood/theme---dark\tgenre---rock\tgenre---\"alt\n"),
    );
    host.file(
        &format!("{folder}-validation.tsv"),
        format!("{header}track_2\tartist_2\talbum_2\t15/215.mp3\t2.0\tinstrument---voice\n"),
    );
    host.file(&format!("{folder}-test.tsv"), format!("{header}track_3\tartist_3\talbum_3\t16/216.mp3\t3.0\tgenre---folk\tinstrument---flute\tinstrument---cello\tmood/theme---calm\n"));
    host.clips(&["songs/48/948.mp3", "songs/15/215.low.mp3", "songs/16/216.mp3"]);
    host
}

#[test]
fn jamendo_rows() {
    let host = jamendo();
    host.check(JAMENDO, r#"
            train | track_1#genre | 48/948.mp3 | Which genres does this song belong to? | "alt, rock | genre="alt, rock
            train | track_1#mood | 48/948.mp3 | Which mood does this song convey? | dark | mood=dark
            validation | track_2#instrument | 15/215.low.mp3 | What instruments can be heard in this music? | voice | instrument=voice
            test | track_3#genre | 16/216.mp3 | What is the genre of this music? | folk | genre=folk
            test | track_3#instrument | 16/216.mp3 | Which instruments are played? | cello, flute | instrument=cello, flute
            test | track_3#mood | 16/216.mp3 | What is the mood or theme of this music? | calm | mood=calm
        "#);
    assert_eq!(host.origins(JAMENDO), ["jamendo:1", "jamendo:2", "jamendo:3"]);
    let mood = host.rows(r#"jamendo = { path = "data", clips = "data/songs", questions = ["mood"] }"#);
    assert_eq!(mood.len(), 2);
}

#[test]
fn jamendo_errors() {
    let host = jamendo();
    host.fails(r#"jamendo = { path = "data", split = 5 }"#, &["`split` is 5", "from 0 to 4"]);
    host.fails(r#"jamendo = { path = "data", split = 3 }"#, &["split-3/autotagging-train.tsv", "MTG/mtg-jamendo-dataset"]);
    host.fails(r#"jamendo = { path = "data", subset = "moodtheme" }"#, &["autotagging_moodtheme-train.tsv"]);
    host.file("data/splits/split-0/autotagging-test.tsv", "TRACK_ID\tPATH\tTAGS\nt\t16/216.mp3\tcolour---blue\n");
    host.fails(JAMENDO, &["autotagging-test.tsv:2", "`colour---blue`"]);
    host.file("data/splits/split-0/autotagging-test.tsv", "TRACK_ID,PATH,TAGS\n");
    host.fails(JAMENDO, &["no column `TRACK_ID`"]);
}

const MUSICNET: &str = r#"musicnet = { path = "data" }"#;

fn musicnet() -> Host {
    let host = Host::new();
    host.file(
        "musicnet_metadata.csv",
        b"id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds\n1727,Schubert,\"Quintet, in A\",\"2. Andante, ma moderato\",Piano Quintet,Archive,http://x/,OP114,447\n2303,Bach,Suite \xe9,1. Prelude,Solo Cello,Archive,x,BWV1,189\n",
    );
    let header = "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n";
    host.file("train_labels/1727.csv", format!("{header}9182,90078,43,53,4.0,1.5,Dotted Quarter\n9182,33758,1,65,4.0,0.5,Eighth\n1323001,1400000,41,69,5.5,0.25,Sixteenth\n"));
    host.file("test_labels/2303.csv", format!("{header}0,9,43,53,4.0,1.5,Half\n"));
    host.clips(&["train_data/1727.wav", "test_data/2303.wav"]);
    host
}

#[test]
fn musicnet_rows() {
    let host = musicnet();
    host.check(MUSICNET, r#"
            train | 1727#composer | train_data/1727.wav | Which composer wrote this? | Schubert | composer=Schubert
            train | 1727#ensemble | train_data/1727.wav | What kind of ensemble performs here? | Piano Quintet | ensemble=Piano Quintet
            train | 1727#instruments | train_data/1727.wav | Name the instruments in this recording. | piano, cello | instruments=piano, cello
            test | 2303#composer | test_data/2303.wav | Name the composer of this piece. | Bach | composer=Bach
            test | 2303#ensemble | test_data/2303.wav | Which ensemble is playing? | Solo Cello | ensemble=Solo Cello
            test | 2303#instruments | test_data/2303.wav | What instruments can be heard? | cello | instruments=cello
        "#);
    let longer = host.rows(r#"musicnet = { path = "data", seconds = 31, questions = ["instruments"] }"#);
    assert!(longer[0].contains("| piano, violin, cello |"), "{longer:?}");
    // The archive unpacks into a folder of its own.
    let inside = Host::new();
    std::fs::rename(host.path().join("data"), inside.path().join("data/musicnet")).unwrap();
    inside.file("musicnet_metadata.csv", std::fs::read(inside.path().join("data/musicnet/musicnet_metadata.csv")).unwrap());
    assert_eq!(inside.rows(MUSICNET).len(), 6);
}

#[test]
fn musicnet_errors() {
    let host = musicnet();
    host.file("test_labels/2303.csv", "start_time,end_time,instrument\n0,9,99\n");
    host.fails(MUSICNET, &["2303.csv:2", "instrument 99", "43 (cello)"]);
    host.file("test_labels/2303.csv", "start_time,end_time,instrument\nnow,9,43\n");
    host.fails(MUSICNET, &["2303.csv:2", "`now`", "two numbers"]);
    host.remove("test_labels/2303.csv");
    host.fails(MUSICNET, &["test_labels/2303.csv", "labels of a recording"]);
    host.remove("test_data/2303.wav");
    host.fails(r#"musicnet = { path = "data", questions = ["composer"] }"#, &["musicnet_metadata.csv:3", "test_data/2303.wav"]);
    host.remove("musicnet_metadata.csv");
    host.fails(MUSICNET, &["musicnet_metadata.csv", "zenodo.org/records/5120004"]);
}

const MUSICQA: &str = r#"musicqa = { path = "data" }"#;

fn musicqa() -> Host {
    let host = Host::new();
    let qa = |audio: &str, question: &str, answer: &str| serde_json::json!({"audio_name": audio, "conversation": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]});
    let train = [qa("f/tune-1.mp3", "Describe the audio", " Slow, \"sad\" piano. "), qa("tune-1.mp3", "What tempo?", "Slow.")];
    host.file("MusicQA/FinetuneMusicQA.json", serde_json::to_string(&train).unwrap());
    host.file("MusicQA/EvalMusicQA.json", serde_json::to_string(&[qa("012542.wav", "What mood?", "Calm.")]).unwrap());
    host.file("MusicQA/PretrainMusicQA.json", serde_json::to_string(&[qa("aB-_1234567.wav", "Which genre?", "Rock.")]).unwrap());
    host.clips(&["MusicQA/audios/tune-1.wav", "MusicQA/audios/012542.wav", "MusicQA/audios/aB-_1234567.flac"]);
    host
}

#[test]
fn musicqa_rows_and_errors() {
    let host = musicqa();
    host.check(
        r#"musicqa = { path = "data", pretrain = true }"#,
        r#"
            train | Pretrain/1 | aB-_1234567.flac | Which genre? | Rock. | -
            train | Finetune/1 | tune-1.wav | Describe the audio | Slow, "sad" piano. | -
            train | Finetune/2 | tune-1.wav | What tempo? | Slow. | -
            test | Eval/1 | 012542.wav | What mood? | Calm. | -
        "#,
    );
    assert_eq!(host.rows(MUSICQA).len(), 3);
    // The same track as `track_0012542` of MTG-Jamendo.
    let origins = ["jamendo:12542", "magnatagatune:tune-1", "youtube:aB-_1234567"];
    assert_eq!(host.origins(r#"musicqa = { path = "data", pretrain = true }"#), origins);
    host.file(
        "MusicQA/EvalMusicQA.json",
        r#"[{"audio_name": "012542.wav", "conversation": [{"from": "gpt", "value": "x"}, {"from": "human", "value": "y"}]}]"#,
    );
    host.fails(MUSICQA, &["EvalMusicQA.json", "gpt and human; expected human and gpt"]);
    host.file("MusicQA/EvalMusicQA.json", r#"[{"audio_name": "012542.wav", "conversation": [{"from": "human", "value": "x"}]}]"#);
    host.fails(MUSICQA, &["a question without an answer"]);
    host.remove("MusicQA/EvalMusicQA.json");
    host.fails(MUSICQA, &["EvalMusicQA.json", "huggingface.co/datasets/mu-llama/MusicQA"]);
}

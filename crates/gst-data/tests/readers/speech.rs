//! IEMOCAP, PromptSpeech, TextrolSpeech.

use super::host::Host;

const IEMOCAP: &str = r#"iemocap = { path = "data" }"#;

fn iemocap() -> Host {
    let host = Host::new();
    for session in 1..=5 {
        let dialog = format!("Ses0{session}F_impro01");
        let turn = |number: u8, emotion: &str| {
            let voted = "C-E2:\tNeutral;\t()\nC-F1:\tNeutral;\t(calm)\nA-E3:\tval 3; act 2; dom  2;\t()\n\n";
            format!("[1.0000 - 2.5000]\t{dialog}_F00{number}\t{emotion}\t[2.5000, 2.5000, 2.5000]\n{voted}")
        };
        let mut labels = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n".to_owned();
        let emotions: &[&str] = if session == 1 { &["neu", "exc", "xxx", "fru", "sur"] } else { &["ang"] };
        for (number, emotion) in (0_u8..).zip(emotions) {
            labels += &turn(number, emotion);
            host.clips(&[&format!("Session{session}/sentences/wav/{dialog}/{dialog}_F00{number}.wav")]);
        }
        // An annotator's comment that is not UTF-8, and files that are none of the labels.
        let labels = [labels.as_bytes(), b"C-E4:\tSadness;\t(caf\xe9)\n"].concat();
        host.file(&format!("Session{session}/dialog/EmoEvaluation/{dialog}.txt"), labels);
        host.file(&format!("Session{session}/dialog/EmoEvaluation/._{dialog}.txt"), "junk");
        host.file(&format!("Session{session}/dialog/EmoEvaluation/Attribute/{dialog}_e2_atr.txt"), "junk");
    }
    host.file("Session2/dialog/EmoEvaluation/Ses02M_script01_1.txt", "[0.1 - 0.2]\tSes02M_script01_1_M003\tsad\t[1, 1, 1]\n");
    host.clips(&["Session2/sentences/wav/Ses02M_script01_1/Ses02M_script01_1_M003.wav"]);
    host
}

#[test]
fn iemocap_rows() {
    let host = iemocap();
    host.check(IEMOCAP, r#"
            train | Ses01F_impro01_F000 | Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav | How does the speaker feel? | neutral | neutral
            train | Ses01F_impro01_F001 | Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F001.wav | How does the speaker feel? | happy | happy
            train | Ses02F_impro01_F000 | Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_F000.wav | What is the emotional tone of this utterance? | angry | angry
            train | Ses02M_script01_1_M003 | Session2/sentences/wav/Ses02M_script01_1/Ses02M_script01_1_M003.wav | Name the emotion in this voice. | sad | sad
            train | Ses03F_impro01_F000 | Session3/sentences/wav/Ses03F_impro01/Ses03F_impro01_F000.wav | How does the speaker feel? | angry | angry
            train | Ses04F_impro01_F000 | Session4/sentences/wav/Ses04F_impro01/Ses04F_impro01_F000.wav | What is the emotional tone of this utterance? | angry | angry
            test | Ses05F_impro01_F000 | Session5/sentences/wav/Ses05F_impro01/Ses05F_impro01_F000.wav | Which emotion does the speaker express? | angry | angry
        "#);
    let answers = |line: &str| {
        let rows = host.rows(line);
        rows.iter()
            .filter(|row| row.contains("Ses01"))
            .map(|row| row.rsplit(" | ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(answers(IEMOCAP), ["neutral", "happy"]);
    assert_eq!(answers(r#"iemocap = { path = "data", excited = "leave-out" }"#), ["neutral"]);
    assert_eq!(answers(r#"iemocap = { path = "data", classes = "six" }"#), ["neutral", "excited", "frustrated"]);
    assert_eq!(answers(r#"iemocap = { path = "data", classes = "all" }"#), ["neutral", "excited", "frustrated", "surprised"]);
    assert!(
        host.rows(r#"iemocap = { path = "data", test_session = 1 }"#)
            .iter()
            .all(|row| row.starts_with("test") == row.contains("Ses01"))
    );
    assert_eq!(host.rows(r#"iemocap = { path = "data", dialogs = "improvised" }"#).len(), 6);
    host.fails(r#"iemocap = { path = "data", dialogs = "scripted" }"#, &["no test rows"]);
}

#[test]
fn iemocap_errors() {
    let host = iemocap();
    host.file("Session3/dialog/EmoEvaluation/a.txt", "% head\n[1.0 - 2.0]\tSes03F_a_F000\thappy\t[1, 1, 1]\n");
    host.fails(IEMOCAP, &["EmoEvaluation/a.txt:2", "`happy`", "neu, hap"]);
    host.file("Session3/dialog/EmoEvaluation/a.txt", "[1.0 - 2.0] Ses03F_a_F000 hap [1, 1, 1]\n");
    host.fails(IEMOCAP, &["a.txt:1", "separated by tabs"]);
    host.file("Session3/dialog/EmoEvaluation/a.txt", "[1.0 - 2.0]\tSes03F_a_F000\thap\t[1, 1, 1]\n");
    host.fails(IEMOCAP, &["a.txt:1", "Session3/sentences/wav/Ses03F_a/Ses03F_a_F000.wav"]);
    host.fails(r#"iemocap = { path = "data/Session1" }"#, &["Session1/Session1/dialog/EmoEvaluation", "IEMOCAP_full_release"]);
}

const PROMPTSPEECH: &str = r#"promptspeech = { path = "data", clips = "data/LibriTTS" }"#;

fn promptspeech() -> Host {
    let host = Host::new();
    host.file("Real_training.csv", "\u{feff}item_name,gender,spk_id,pitch,speaking_speed,energy,style_prompt\n1089_1_0_0,M,1089,high,normal,low,\"He whispers, high\"\n1188_1_0_0,F,1188,low,slow,normal,A slow woman\n");
    host.file(
        "Real_testing.csv",
        "style_prompt,item_name,spk_id,gender,pitch,speaking_speed,energy\nShe shouts,1221_1_0_0,1221,F,normal,fast,high\n",
    );
    host.clips(&[
        "LibriTTS/train/1089/1/1089_1_0_0.wav",
        "LibriTTS/train/1188/1/1188_1_0_0.wav",
        "LibriTTS/test/1221/1/1221_1_0_0.wav",
    ]);
    host
}

#[test]
fn promptspeech_rows() {
    let host = promptspeech();
    host.check(PROMPTSPEECH, r#"
            train | 1089_1_0_0#style | train/1089/1/1089_1_0_0.wav | What is the speaking style of this voice? | He whispers, high | -
            train | 1089_1_0_0#gender | train/1089/1/1089_1_0_0.wav | Is the speaker male or female? | male | gender=male
            train | 1089_1_0_0#pitch | train/1089/1/1089_1_0_0.wav | How high is the voice? | high | pitch=high
            train | 1089_1_0_0#speed | train/1089/1/1089_1_0_0.wav | Is the speech slow, normal or fast? | normal | speed=normal
            train | 1089_1_0_0#energy | train/1089/1/1089_1_0_0.wav | Is the energy of the voice low, normal or high? | low | energy=low
            train | 1188_1_0_0#style | train/1188/1/1188_1_0_0.wav | Write a description of this voice and its manner of speaking. | A slow woman | -
            train | 1188_1_0_0#gender | train/1188/1/1188_1_0_0.wav | What is the gender of the speaker? | female | gender=female
            train | 1188_1_0_0#pitch | train/1188/1/1188_1_0_0.wav | Is the pitch of the voice low, normal or high? | low | pitch=low
            train | 1188_1_0_0#speed | train/1188/1/1188_1_0_0.wav | Is the speech slow, normal or fast? | slow | speed=slow
            train | 1188_1_0_0#energy | train/1188/1/1188_1_0_0.wav | How loud is the speech? | normal | energy=normal
            test | 1221_1_0_0#style | test/1221/1/1221_1_0_0.wav | What is the speaking style of this voice? | She shouts | -
            test | 1221_1_0_0#gender | test/1221/1/1221_1_0_0.wav | Is the speaker male or female? | female | gender=female
            test | 1221_1_0_0#pitch | test/1221/1/1221_1_0_0.wav | How high is the voice? | normal | pitch=normal
            test | 1221_1_0_0#speed | test/1221/1/1221_1_0_0.wav | How fast does the speaker talk? | fast | speed=fast
            test | 1221_1_0_0#energy | test/1221/1/1221_1_0_0.wav | Is the energy of the voice low, normal or high? | high | energy=high
        "#);
    assert_eq!(host.origins(PROMPTSPEECH), ["libritts:1089_1_0_0", "libritts:1188_1_0_0", "libritts:1221_1_0_0"]);
    // Without the test table, whole speakers are held out.
    host.remove("Real_testing.csv");
    let line = PROMPTSPEECH.replace(" }", ", test_share = 0.5 }");
    let rows = host.rows(&line);
    assert_eq!(rows.len(), 10);
    for speaker in ["1089", "1188"] {
        let of = |row: &&String| row.contains(&format!("| {speaker}_"));
        let splits: std::collections::BTreeSet<&str> = rows.iter().filter(of).map(|row| row.split(' ').next().unwrap()).collect();
        assert_eq!(splits.len(), 1, "{speaker}: {splits:?}");
    }
}

#[test]
fn promptspeech_errors() {
    let host = promptspeech();
    host.file(
        "Real_testing.csv",
        "style_prompt,item_name,spk_id,gender,pitch,speaking_speed,energy\nShe,1221_1_0_0,1221,woman,normal,fast,high\n",
    );
    host.fails(PROMPTSPEECH, &["Real_testing.csv:2", "`gender` is `woman`", "M, F"]);
    host.file("Real_testing.csv", "style_prompt,item,spk_id,gender,pitch,speaking_speed,energy\n");
    host.fails(PROMPTSPEECH, &["no column `item_name`"]);
    host.remove("Real_training.csv");
    host.fails(PROMPTSPEECH, &["Real_training.csv", "speechresearch.github.io"]);
}

const TEXTROL: &str = r#"textrolspeech = { path = "data" }"#;

fn textrolspeech() -> Host {
    let host = Host::new();
    let header = "num,wav_fp,item_name,gender,pitch,tempo,energy,emotion,style_prompt,content_prompt\n";
    host.file("caption/random_train.csv", format!("{header}0,libritts/a/1_2.wav,1_2,F,high,normal,low,neutral,\"A woman, quiet\",\"chapter, one\"\n1,old/path/0011_000351.wav,0011_000351,M,low,fast,high,angry,An irritated man,the eggs\n"));
    host.file("caption/random_test.csv", format!("{header}0,libritts/a/3_4.wav,3_4,M,normal,slow,normal,sad,A slow man,two\n"));
    host.clips(&["libritts/a/1_2.wav", "emotion/ESD/0011_000351.wav", "libritts/a/3_4.wav"]);
    host
}

#[test]
fn textrolspeech_rows_and_errors() {
    let host = textrolspeech();
    host.check(r#"textrolspeech = { path = "data", questions = ["style", "tempo", "emotion"] }"#, r#"
            train | train/0#style | libritts/a/1_2.wav | Write a description of this voice and its manner of speaking. | A woman, quiet | -
            train | train/0#tempo | libritts/a/1_2.wav | Is the speech slow, normal or fast? | normal | tempo=normal
            train | train/0#emotion | libritts/a/1_2.wav | How does the speaker feel? | neutral | emotion=neutral
            train | train/1#style | emotion/ESD/0011_000351.wav | Write a description of this voice and its manner of speaking. | An irritated man | -
            train | train/1#tempo | emotion/ESD/0011_000351.wav | Is the speech slow, normal or fast? | fast | tempo=fast
            train | train/1#emotion | emotion/ESD/0011_000351.wav | What is the emotion of this voice? | angry | emotion=angry
            test | test/0#style | libritts/a/3_4.wav | What is the speaking style of this voice? | A slow man | -
            test | test/0#tempo | libritts/a/3_4.wav | How fast does the speaker talk? | slow | tempo=slow
            test | test/0#emotion | libritts/a/3_4.wav | Which emotion does the voice express? | sad | emotion=sad
        "#);
    assert_eq!(host.rows(TEXTROL).len(), 18);
    assert_eq!(host.origins(TEXTROL), ["libritts:1_2", "libritts:3_4"]);
    let caption = std::fs::read_to_string(host.path().join("data/caption/random_test.csv")).unwrap();
    host.file("caption/random_dev.csv", caption.replace("3_4", "1_2").replace("slow,", "brisk,"));
    host.fails(TEXTROL, &["random_dev.csv:2", "`tempo` is `brisk`", "slow, normal, fast"]);
    host.remove("caption/random_test.csv").remove("caption/random_dev.csv");
    host.fails(TEXTROL, &["caption/random_test.csv", "github.com/jishengpeng/TextrolSpeech"]);
    textrolspeech().remove("emotion/ESD/0011_000351.wav").fails(TEXTROL, &["random_train.csv:3", "old/path/0011_000351.wav"]);
}

//! The fourteen datasets of the paper and the general readers, with what is known of each.

use serde::Serialize;

use super::{
    Entry, audiocaps::AudioCaps, chime_home::ChimeHome, clotho::Clotho, cochlscene::CochlScene, csv::Csv,
    folder_per_class::FolderPerClass, iemocap::Iemocap, jamendo::Jamendo, jsonl::JsonLines, layout::Layout, macs::Macs,
    musicnet::MusicNet, musicqa::MusicQa, openaqa::OpenAqa, parquet::Parquet, promptspeech::PromptSpeech, salmonn::Salmonn,
    sounddescs::SoundDescs, textrolspeech::TextrolSpeech, wavcaps::WavCaps,
};

/// What is known of a dataset. Sizes and licences are as their hosts state them; check the licence there before use.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Facts {
    /// The kind of audio: `environment`, `music`, `speech`.
    pub domain: &'static str,
    /// Licence of annotations and audio.
    pub licence: &'static str,
    /// Clips, rows, hours.
    pub size: &'static str,
    /// The splits that are kept or made.
    pub splits: &'static str,
    /// Who made it, where it was published.
    pub citation: &'static str,
    /// Where to get it.
    pub page: &'static str,
}

/// The fourteen datasets of the paper, in alphabetical order. Nothing is downloaded: pages lead to the hosts, some of which ask for
/// a form to be signed.
pub const DATASETS: &[Entry] = &[
    Entry {
        name: "audiocaps",
        title: "AudioCaps: captions of ten-second YouTube clips",
        reader: &AudioCaps,
        partial: true,
        facts: Some(Facts {
            domain: "environment",
            licence: "captions for academic purposes; audio from YouTube, to be fetched by the user",
            size: "49,838 / 495 / 975 clips (release 1); 136.6 h of training",
            splits: "official: train, val, test",
            citation: "Kim et al., AudioCaps: Generating Captions for Audios in The Wild, NAACL 2019",
            page: "https://github.com/cdjkim/audiocaps",
        }),
    },
    Entry {
        name: "chime_home",
        title: "CHiME-Home: seven kinds of sound in a home",
        reader: &ChimeHome,
        partial: false,
        facts: Some(Facts {
            domain: "environment",
            licence: "see the EULA in the package (academic)",
            size: "6,137 chunks of 4 s; refined: 1,946 for development, 816 for evaluation",
            splits: "official: development as training, evaluation as test",
            citation: "Foster et al., CHiME-Home: A dataset for sound source recognition in a domestic environment, WASPAA 2015",
            page: "https://archive.org/details/chime-home",
        }),
    },
    Entry {
        name: "clotho",
        title: "Clotho 2.1: five captions a clip",
        reader: &Clotho,
        partial: false,
        facts: Some(Facts {
            domain: "environment",
            licence: "captions under Tampere University's licence (non-commercial); each clip under its own of Freesound",
            size: "3,839 / 1,045 / 1,045 clips of 15 to 30 s, five captions each; 24 h of development",
            splits: "official: development as training, validation, evaluation as test",
            citation: "Drossos, Lipping and Virtanen, Clotho: An Audio Captioning Dataset, ICASSP 2020",
            page: "https://zenodo.org/records/4783391",
        }),
    },
    Entry {
        name: "cochlscene",
        title: "CochlScene: thirteen places",
        reader: &CochlScene,
        partial: false,
        facts: Some(Facts {
            domain: "environment",
            licence: "CC BY-SA 3.0",
            size: "76,115 clips of 10 s by 831 people; 211 h",
            splits: "official: Train, Val, Test",
            citation: "Jeong and Park, CochlScene: Acquisition of acoustic scene data using crowdsourcing, APSIPA ASC 2022",
            page: "https://zenodo.org/records/7080122",
        }),
    },
    Entry {
        name: "iemocap",
        title: "IEMOCAP: emotion of utterances",
        reader: &Iemocap,
        partial: false,
        facts: Some(Facts {
            domain: "speech",
            licence: "signed release form of USC; no redistribution",
            size: "10,039 utterances in five sessions, about 12 h; 5,531 in the usual four classes",
            splits: "made: one session of five is the test (test_session)",
            citation: "Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, LRE 42, 2008",
            page: "https://sail.usc.edu/iemocap/",
        }),
    },
    Entry {
        name: "jamendo",
        title: "MTG-Jamendo: genre, instruments, mood of songs",
        reader: &Jamendo,
        partial: false,
        facts: Some(Facts {
            domain: "music",
            licence: "metadata CC BY-NC-SA 4.0; each song under its own Creative Commons licence",
            size: "55,525 songs; 87 genres, 40 instruments, 56 moods and themes",
            splits: "official: one of five (split), each with train, validation, test",
            citation: "Bogdanov et al., The MTG-Jamendo Dataset for Automatic Music Tagging, ML4MD at ICML 2019",
            page: "https://github.com/MTG/mtg-jamendo-dataset",
        }),
    },
    Entry {
        name: "macs",
        title: "MACS: captions and tags of city recordings",
        reader: &Macs,
        partial: false,
        facts: Some(Facts {
            domain: "environment",
            licence: "see the host; clips are those of TAU Urban Acoustic Scenes 2019, with a licence of its own",
            size: "3,930 clips of 10 s, 17,275 captions; 10.9 h",
            splits: "made: a tenth of the places, by hash",
            citation: "Martín-Morató and Mesaros, Diversity and bias in audio captioning datasets, DCASE 2021",
            page: "https://zenodo.org/records/5114771",
        }),
    },
    Entry {
        name: "musicnet",
        title: "MusicNet: composer, ensemble, instruments of classical music",
        reader: &MusicNet,
        partial: false,
        facts: Some(Facts {
            domain: "music",
            licence: "CC BY 4.0 (to be checked at the host)",
            size: "330 recordings, 34 h; 10 composers, 11 instruments",
            splits: "official: train (320), test (10)",
            citation: "Thickstun, Harchaoui and Kakade, Learning Features of Music from Scratch, ICLR 2017",
            page: "https://zenodo.org/records/5120004",
        }),
    },
    Entry {
        name: "musicqa",
        title: "MusicQA: questions about music",
        reader: &MusicQa,
        partial: false,
        facts: Some(Facts {
            domain: "music",
            licence: "repository GPL-3.0; of the data not verified",
            size: "evaluation: 5,040 questions about 560 clips; finetuning: some 70,000 about 7,779",
            splits: "official: Finetune (MagnaTagATune) as training, Eval (MTG-Jamendo) as test",
            citation: "Liu et al., Music Understanding LLaMA, ICASSP 2024",
            page: "https://huggingface.co/datasets/mu-llama/MusicQA",
        }),
    },
    Entry {
        name: "openaqa",
        title: "OpenAQA: questions about clips of eight datasets",
        reader: &OpenAqa,
        partial: true,
        facts: Some(Facts {
            domain: "environment",
            licence: "not stated for the questions; clips under the licences of eight datasets",
            size: "5.6 million questions, 2.3 GB of JSON",
            splits: "made: a hundredth of the clips, by hash",
            citation: "Gong et al., Listen, Think, and Understand, ICLR 2024",
            page: "https://github.com/YuanGongND/ltu",
        }),
    },
    Entry {
        name: "promptspeech",
        title: "PromptSpeech (real): style of speech",
        reader: &PromptSpeech,
        partial: false,
        facts: Some(Facts {
            domain: "speech",
            licence: "not stated for the descriptions; clips are LibriTTS, CC BY 4.0",
            size: "26,588 / 1,305 rows",
            splits: "official: train, test; speakers by hash where the test table is not there",
            citation: "Guo et al., PromptTTS: Controllable Text-to-Speech with Text Descriptions, ICASSP 2023",
            page: "https://speechresearch.github.io/prompttts/",
        }),
    },
    Entry {
        name: "sounddescs",
        title: "SoundDescs: descriptions of BBC sound effects",
        reader: &SoundDescs,
        partial: false,
        facts: Some(Facts {
            domain: "environment",
            licence: "lists Apache-2.0; BBC texts and audio under RemArc (non-commercial)",
            size: "23,085 / 4,947 / 4,947 clips; 24 categories",
            splits: "official: train, val, test",
            citation: "Koepke et al., Audio Retrieval with Natural Language Queries: A Benchmark Study, IEEE TMM 2022",
            page: "https://github.com/akoepke/audio-retrieval-benchmark",
        }),
    },
    Entry {
        name: "textrolspeech",
        title: "TextrolSpeech: style of speech",
        reader: &TextrolSpeech,
        partial: false,
        facts: Some(Facts {
            domain: "speech",
            licence: "repository MIT; clips under the licences of LibriTTS, VCTK and emotional corpora",
            size: "236,220 rows, 200 of them test",
            splits: "official: random_train, random_test, and random_dev where it is there",
            citation: "Ji et al., TextrolSpeech: A Text Style Control Speech Corpus, ICASSP 2024",
            page: "https://github.com/jishengpeng/TextrolSpeech",
        }),
    },
    Entry {
        name: "wavcaps",
        title: "WavCaps: captions of 400,000 sounds",
        reader: &WavCaps,
        partial: true,
        facts: Some(Facts {
            domain: "environment",
            licence: "academic use only; clips under the terms of Freesound, BBC, SoundBible and YouTube",
            size: "403,050 clips (FreeSound 262,300, BBC 31,201, SoundBible 1,232, AudioSet 108,317); 7,563 h",
            splits: "made: a hundredth of the clips, by hash; other datasets' test clips left out (exclude)",
            citation: "Mei et al., WavCaps: A ChatGPT-Assisted Weakly-Labelled Audio Captioning Dataset, IEEE/ACM TASLP 2024",
            page: "https://huggingface.co/datasets/cvssp/WavCaps",
        }),
    },
];

/// Readers of anything else.
pub const GENERAL: &[Entry] = &[
    general("csv", "a table in CSV or TSV, with a map of its columns", &Csv),
    general("folder-per-class", "a folder of clips for each class", &FolderPerClass),
    general("jsonl", "JSON Lines, with a map of its keys", &JsonLines),
    general("layout", "a folder in gst's own layout", &Layout),
    general("parquet", "Parquet as Hugging Face `datasets` writes it, audio as bytes or path", &Parquet),
    general("salmonn", "annotation files of SALMONN", &Salmonn),
];

const fn general(name: &'static str, title: &'static str, reader: &'static dyn super::Reader) -> Entry {
    Entry { name, title, reader, partial: false, facts: None }
}

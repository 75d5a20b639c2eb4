//! `affinity.json`, written and read.

use gst_affinity::{Affinity, ArtifactError, Cost, Document, Metric, content_hash};

use crate::synthetic::{Normal, estimate, noisy};

fn affinity() -> Affinity {
    let mut normal = Normal::new(1);
    let mut means: Vec<Vec<f64>> = (0..3).map(|_| normal.vector(10, 1.0)).collect();
    means.push(vec![0.0; 10]);
    estimate(&[noisy(&means, 4, 0.0, 1), noisy(&means, 5, 0.0, 2)])
}

#[test]
fn what_is_written_is_read_again() {
    let document = Document::new(affinity()).from_source("data", content_hash(b"data"));
    let json = document.to_json().unwrap();
    assert!(
        json.starts_with(r#"{"format":"gst-affinity","version":1,"made_from":{"data":"sha256:3a6eb0790f39ac87"#),
        "{}",
        &json[..120]
    );
    assert!(json.contains("null") && !json.contains("NaN"), "undetermined entries are null");
    let read: Document<Affinity> = Document::from_json(&json, "affinity.json").unwrap();
    assert_eq!(read, document);
    assert_eq!(read.to_json().unwrap(), json);
}

#[test]
fn what_is_no_affinity_is_refused_with_the_reason() {
    let json = Document::new(affinity()).to_json().unwrap();
    let read = |text: &str| Document::<Affinity>::from_json(text, "RUN/affinity.json").unwrap_err();
    let cases = [
        (json.replace("\"version\":1", "\"version\":2"), "version 2, this program reads version 1"),
        (json.replace("\"gst-affinity\"", "\"gst-schedule\""), "this is a `gst-schedule` file, a `gst-affinity` file is needed"),
        (json.replace("\"version\":1", "\"version\":-1"), "no `version` field"),
        (json.replace("\"format\":\"gst-affinity\",", ""), "no `format` field"),
        (json.replace("\"gram\"", "\"grim\""), "gram"),
        (json.replace("\"metric\":\"cosine\"", "\"metric\":\"cosinus\""), "cosinus"),
        (json[..json.len() / 2].to_owned(), "EOF"),
        ("[]".to_owned(), "not an object"),
        (String::new(), "EOF"),
    ];
    for (text, expected) in cases {
        let error = read(&text);
        assert!(error.to_string().contains(expected), "{error} for {expected}");
        assert!(error.to_string().starts_with("RUN/affinity.json"), "{error}");
    }
    assert!(matches!(read("{}"), ArtifactError::Malformed { format: "gst-affinity", .. }));
}

#[test]
fn metrics_have_one_name_everywhere() {
    for metric in Metric::ALL {
        assert_eq!(metric.to_string().parse(), Ok(metric));
        assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
    }
    let error = "cosinus".parse::<Metric>().unwrap_err().to_string();
    assert!(Metric::ALL.iter().all(|metric| error.contains(metric.name())), "{error}");
    assert_eq!(format!("{:>8}|", Metric::Dot), "     dot|");
}

#[test]
fn costs_add_up() {
    let one = Cost { steps: 1, samples: 32, tokens: 100, audio_seconds: 1.5, wall_seconds: 0.5 };
    let mut sum = one + one;
    sum += Cost { steps: u64::MAX, ..Cost::default() };
    assert_eq!(sum, Cost { steps: u64::MAX, samples: 64, tokens: 200, audio_seconds: 3.0, wall_seconds: 1.0 });
}

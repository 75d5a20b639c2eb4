//! Parquet files as the Hugging Face `datasets` library lays them out, written here.

use std::{fs::File, path::Path, sync::Arc};

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

use super::host::Host;

/// A row: bytes and path of the clip, text, class.
type Row<'a> = (Option<&'a [u8]>, Option<&'a str>, &'a str, i64);

/// Writes rows with `audio: {bytes, path}`, `text` and `label`, a class of `quiet` and `loud`.
fn write(path: &Path, rows: &[Row<'_>]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = "message schema { optional group audio { optional binary bytes; optional binary path (UTF8); } optional binary text (UTF8); optional int64 label; }";
    let described = r#"{"info": {"features": {"audio": {"_type": "Audio"}, "text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["quiet", "loud"], "_type": "ClassLabel"}}}}"#;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), described.to_owned())]))
        .build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let bytes: Vec<Option<ByteArray>> = rows.iter().map(|row| row.0.map(|bytes| ByteArray::from(bytes.to_vec()))).collect();
    let paths: Vec<Option<ByteArray>> = rows.iter().map(|row| row.1.map(ByteArray::from)).collect();
    let texts: Vec<Option<ByteArray>> = rows.iter().map(|row| Some(ByteArray::from(row.2))).collect();
    // A value of a nested column is there at level 2; at level 1 only its group is.
    for (column, there) in [(bytes, 2), (paths, 2), (texts, 1)] {
        let levels: Vec<i16> = column.iter().map(|value| if value.is_some() { there } else { 1 }).collect();
        let values: Vec<ByteArray> = column.into_iter().flatten().collect();
        let mut out = group.next_column().unwrap().unwrap();
        out.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        out.close().unwrap();
    }
    let labels: Vec<i64> = rows.iter().map(|row| row.3).collect();
    let mut out = group.next_column().unwrap().unwrap();
    out.typed::<Int64Type>().write_batch(&labels, Some(&vec![1; labels.len()]), None).unwrap();
    out.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

const LINE: &str =
    r#"my = { reader = "parquet", path = "data", audio = "audio", answer = "label", question = "How loud is “{text}”?" }"#;

#[test]
fn clips_as_bytes_are_kept_once_each() {
    let host = Host::new();
    let (first, second, third) = (b"RIFF one".as_slice(), b"fLaC two".as_slice(), b"\xff\xfb three".as_slice());
    let data = host.path().join("data/data");
    write(&data.join("train-00000-of-00002.parquet"), &[(Some(first), Some("a.wav"), "one", 0), (Some(second), None, "two", 1)]);
    write(&data.join("train-00001-of-00002.parquet"), &[(Some(first), Some("a.wav"), "again", 1)]);
    write(&data.join("test-00000-of-00001.parquet"), &[(Some(third), Some("c.mp3"), "three", 1)]);
    host.check(LINE, r#"
            train | train-2 | audio/92/92afe841073926b01e0fe1b1aa0decb811059321b79da633a8b9f27832d321f6.wav | How loud is “one”? | quiet | -
            train | train-3 | audio/7e/7e57b5b5715029ce1ace1a4301523879a1e6a9c30dea682d8946d6b842316534.flac | How loud is “two”? | loud | -
            train | train-4 | audio/92/92afe841073926b01e0fe1b1aa0decb811059321b79da633a8b9f27832d321f6.wav | How loud is “again”? | loud | -
            test | test-1 | audio/c8/c865afbcc1a33489a7e5f974beb4fc71f3e287db4a1490c3b9851c957dc78e38.mp3 | How loud is “three”? | loud | -
        "#);
    let imported = host.import(LINE).unwrap();
    let kept = imported.located.clips.join("audio");
    let kept: usize =
        std::fs::read_dir(kept).unwrap().map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap().count()).sum();
    assert_eq!(kept, 3);
    assert!(!imported.read);
}

#[test]
fn clips_as_paths_stay_where_they_are() {
    let host = Host::new();
    let absolute = host.path().join("data/wav/b.wav");
    let rows = [(None, Some("wav/a.wav"), "one", 0), (None, absolute.to_str(), "two", 1), (None, Some("wav/c.wav"), "three", 1)];
    write(&host.path().join("data/rows.parquet"), &rows);
    host.clips(&["wav/a.wav", "wav/b.wav", "wav/c.wav"]);
    let rows = host.rows(&LINE.replace(" }", ", test_share = 0.8, id = \"text\" }"));
    let audio: Vec<&str> = rows.iter().map(|row| row.split(" | ").nth(2).unwrap()).collect();
    assert_eq!(audio.len(), 3);
    assert!(audio.iter().all(|audio| audio.starts_with("wav/")), "{rows:?}");
}

#[test]
fn errors() {
    let host = Host::new();
    host.file("train-0.parquet", "not parquet");
    host.fails(LINE, &["train-0.parquet", "not Parquet that can be read"]);
    host.remove("train-0.parquet");
    host.fails(LINE, &["found 0"]);
    let path = host.path().join("data/train-0.parquet");
    write(&path, &[(Some(b"RIFF"), None, "one", 7)]);
    host.fails(LINE, &["train-0.parquet:1", "class 7; there are 2"]);
    host.fails(&LINE.replace("\"audio\"", "\"sound\""), &["no column `sound`", "audio, text, label"]);
    write(&path, &[(None, None, "one", 0)]);
    host.fails(LINE, &["neither `bytes` nor `path`"]);
    write(&path, &[(Some(b"RIFF"), None, "one", 0), (None, Some("x.wav"), "two", 0)]);
    host.fails(LINE, &["train-0.parquet:2", "a path where those before were bytes"]);
}

#![cfg_attr(feature = "libfuzzer", no_main)]

gst_fuzz::target!(rows);

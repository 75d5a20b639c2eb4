//! What SALMONN's authors published of their training: norms, bridge and adapters in one file.

use super::PretrainedAudioLm;
use super::trained::is_trained;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};
use crate::qformer::salmonn_name;

/// What stands before the language model's layers, as PEFT wraps it.
const LANGUAGE_MODEL: &str = "llama_model.base_model.model.";

impl PretrainedAudioLm {
    /// The same model with the norms, the Q-Former and the adapters of SALMONN's own checkpoint. Names of adapters may have the
    /// adapter's (`lora_A.default.weight`), as PEFT keeps them in memory, or not.
    ///
    /// # Errors
    /// As [`Checkpoint::load`]: what is missing, superfluous or of another shape is listed.
    pub fn load_published(self, checkpoint: &Checkpoint) -> Result<Self, PretrainedError> {
        let name = |path: &str| published_name(path).map(|name| present(checkpoint, name));
        // Positions of words are kept though no word is read.
        let unused = |name: &str| name.ends_with(".position_ids");
        checkpoint.load(self, &Loading { name: &name, unused: &unused, precision: Precision::F32 })
    }
}

/// The name of a trained parameter; nothing for the frozen ones, which lie elsewhere.
fn published_name(path: &str) -> Option<String> {
    if !is_trained(path) {
        return None;
    }
    if let Some(rest) = path.strip_prefix("hearing.") {
        return Some(rest.to_owned());
    }
    if let Some(rest) = path.strip_prefix("bridge.WindowQFormer.") {
        return Some(salmonn_name(rest));
    }
    let adapter = path.strip_prefix("language_model.").and_then(|path| {
        let factor =
            |end: &str, name: &str| path.strip_suffix(end).map(|path| format!("{LANGUAGE_MODEL}{path}.{name}.default.weight"));
        factor(".lora.lora_a", "lora_A").or_else(|| factor(".lora.lora_b", "lora_B"))
    });
    // A bridge of another kind has no name there, and is listed as missing under its own.
    Some(adapter.unwrap_or_else(|| path.to_owned()))
}

/// The name without that of the adapter, where the file has it so.
fn present(checkpoint: &Checkpoint, name: String) -> String {
    let plain = name.replace(".default.", ".");
    if checkpoint.get(&name).is_none() && checkpoint.get(&plain).is_some() { plain } else { name }
}

#[cfg(test)]
mod tests {
    use super::published_name;

    #[test]
    fn every_trained_part_has_its_name_and_no_other() {
        let check = |path: &str, expected: Option<&str>| assert_eq!(published_name(path).as_deref(), expected);
        check("hearing.ln_audio.weight", Some("ln_audio.weight"));
        check("bridge.WindowQFormer.query_tokens", Some("speech_query_tokens"));
        check(
            "bridge.WindowQFormer.qformer.layer.1.crossattention.key.weight",
            Some("speech_Qformer.bert.encoder.layer.1.crossattention.self.key.weight"),
        );
        check("bridge.WindowQFormer.projection.bias", Some("speech_llama_proj.bias"));
        check(
            "language_model.model.layers.3.self_attn.v_proj.lora.lora_b",
            Some("llama_model.base_model.model.model.layers.3.self_attn.v_proj.lora_B.default.weight"),
        );
        check("language_model.model.layers.3.self_attn.v_proj.weight", None);
        check("hearing.whisper.conv1.weight", None);
    }
}

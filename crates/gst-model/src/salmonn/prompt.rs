//! Where in a prompt the audio and the question stand.

use std::path::Path;

use gst_data::text::{TextError, TextTokenizer};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, context};
use serde::Deserialize;

use crate::pretrained::{PretrainedError, read_json};

/// Stands in a prompt's tokens where the audio goes. No tokenizer has this id.
pub const AUDIO: u32 = u32::MAX;

/// What is put in place of audio and question while a checkpoint's own template is rendered. Private-use characters: no
/// template changes them and no question is looked at.
const AUDIO_MARK: &str = "\u{E0A0}";
const QUESTION_MARK: &str = "\u{E0A1}";

/// A prompt with places for the audio and the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Begin,
    Audio,
    Question,
}

#[derive(Deserialize)]
struct TokenizerConfig {
    chat_template: Option<Templates>,
    bos_token: Option<Named>,
    eos_token: Option<Named>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Several(Vec<NamedTemplate>),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Token { content: String },
}

impl Named {
    fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Token { content: text } => text,
        }
    }
}

impl PromptTemplate {
    /// A text with `{audio}` and `{question}` where they go, and `{bos}` for the token that begins a sequence. SALMONN's is
    /// `{bos}USER: <Speech>{audio}</Speech> {question}\nASSISTANT:`.
    ///
    /// # Errors
    /// [`PretrainedError::Config`] when a place is missing or stands twice.
    pub fn parse(text: &str) -> Result<Self, PretrainedError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let places = [("{bos}", Piece::Begin), ("{audio}", Piece::Audio), ("{question}", Piece::Question)];
        while let Some((at, name, piece)) =
            places.iter().filter_map(|(name, piece)| rest.find(name).map(|at| (at, name, piece))).min_by_key(|found| found.0)
        {
            pieces.push(Piece::Text(rest[..at].to_owned()));
            pieces.push(piece.clone());
            rest = &rest[at + name.len()..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Self::new(pieces, text, Path::new("prompt"))
    }

    /// The chat template of a checkpoint folder (`chat_template.jinja`, or in `tokenizer_config.json`), rendered for one
    /// message of the user; `message` has `{audio}` and `{question}` where they go in it.
    ///
    /// # Errors
    /// [`PretrainedError`] when there is no template, it cannot be rendered, or it loses the message.
    pub fn of_checkpoint(folder: &Path, message: &str) -> Result<Self, PretrainedError> {
        let path = folder.join("tokenizer_config.json");
        let config: TokenizerConfig = read_json(&path)?;
        let file = folder.join("chat_template.jinja");
        let template = if file.is_file() {
            std::fs::read_to_string(&file).map_err(PretrainedError::io(&file))?
        } else {
            let template = match config.chat_template {
                Some(Templates::One(template)) => Some(template),
                Some(Templates::Several(all)) => {
                    all.into_iter().find(|template| template.name == "default").map(|template| template.template)
                }
                None => None,
            };
            template.ok_or_else(|| PretrainedError::config(&path, "chat_template", "absent", "a template; or give `prompt`"))?
        };
        let content = message.replace("{audio}", AUDIO_MARK).replace("{question}", QUESTION_MARK);
        let special = |token: Option<Named>| token.map_or(String::new(), Named::text);
        let rendered = render(&template, &content, &special(config.bos_token), &special(config.eos_token));
        let rendered = rendered.map_err(|error| PretrainedError::format(&path, format!("its chat template: {error:#}")))?;
        let mut pieces = Vec::new();
        for (index, part) in rendered.split(AUDIO_MARK).enumerate() {
            if index > 0 {
                pieces.push(Piece::Audio);
            }
            for (index, text) in part.split(QUESTION_MARK).enumerate() {
                if index > 0 {
                    pieces.push(Piece::Question);
                }
                pieces.push(Piece::Text(text.to_owned()));
            }
        }
        Self::new(pieces, &rendered, &path)
    }

    fn new(pieces: Vec<Piece>, text: &str, path: &Path) -> Result<Self, PretrainedError> {
        for (place, name) in [(Piece::Audio, "{audio}"), (Piece::Question, "{question}")] {
            let count = pieces.iter().filter(|piece| **piece == place).count();
            if count != 1 {
                let found = format!("{text:?} with `{name}` {count} times");
                return Err(PretrainedError::config(path, "prompt", found, format!("`{name}` once")));
            }
        }
        Ok(Self { pieces: pieces.into_iter().filter(|piece| *piece != Piece::Text(String::new())).collect() })
    }

    /// Tokens of the prompt for `question`, with [`AUDIO`] where the audio goes. Special tokens count in the template, never in
    /// the question. `bos` is what `{bos}` stands for; without one it stands for nothing.
    ///
    /// # Errors
    /// When the tokenizer refuses a text.
    pub fn encode(&self, tokenizer: &TextTokenizer, bos: Option<u32>, question: &str) -> Result<Vec<u32>, TextError> {
        let specials = tokenizer.special_tokens();
        let (mut tokens, mut run) = (Vec::new(), String::new());
        let flush = |tokens: &mut Vec<u32>, run: &mut String| -> Result<(), TextError> {
            if !run.is_empty() {
                tokens.extend(tokenizer.encode(run)?);
                run.clear();
            }
            Ok(())
        };
        for piece in &self.pieces {
            match piece {
                // Text and question run on as one, so that words at their border become the tokens that a reader expects.
                Piece::Question => run.push_str(question),
                Piece::Audio => {
                    flush(&mut tokens, &mut run)?;
                    tokens.push(AUDIO);
                }
                Piece::Begin => {
                    flush(&mut tokens, &mut run)?;
                    tokens.extend(bos);
                }
                Piece::Text(text) => {
                    let mut rest = text.as_str();
                    while let Some((at, name, id)) = next_special(rest, &specials) {
                        run.push_str(&rest[..at]);
                        flush(&mut tokens, &mut run)?;
                        tokens.push(id);
                        rest = &rest[at + name.len()..];
                    }
                    run.push_str(rest);
                }
            }
        }
        flush(&mut tokens, &mut run)?;
        Ok(tokens)
    }
}

/// The first special token in `text`; of those that begin there, the longest.
fn next_special<'a>(text: &str, specials: &'a [(String, u32)]) -> Option<(usize, &'a str, u32)> {
    let found = specials.iter().filter_map(|(name, id)| text.find(name.as_str()).map(|at| (at, name.as_str(), *id)));
    found.min_by_key(|(at, name, _)| (*at, usize::MAX - name.len()))
}

/// Renders a Jinja template as the `transformers` library does.
fn render(template: &str, content: &str, bos: &str, eos: &str) -> Result<String, minijinja::Error> {
    let mut jinja = Environment::new();
    jinja.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    jinja.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let raise = |message: String| Err::<String, _>(minijinja::Error::new(ErrorKind::InvalidOperation, message));
    jinja.add_function("raise_exception", raise);
    let messages = [context! { role => "user", content => content }];
    jinja.template_from_str(template)?.render(context! {
        messages => messages,
        add_generation_prompt => true,
        bos_token => bos,
        eos_token => eos,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        template: String,
        content: String,
        rendered: String,
    }

    /// Made by `xtask/reference/lm_golden.py`.
    #[test]
    fn templates_are_rendered_as_transformers_does() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/golden/lm/template.json")).unwrap();
        assert_eq!(cases.len(), 4);
        for case in cases {
            let rendered = render(&case.template, &case.content, "<s>", "</s>").unwrap();
            assert_eq!(rendered, case.rendered, "{}", case.name);
        }
    }
}

//! The report as a page: parts in their order, set as HTML or as Markdown.

use std::fmt::Write as _;

use super::figure::Figure;
use super::svg::escape;
use super::table::Table;

/// The look of the page: a paper's supplement, on screen and in print.
const STYLE: &str = include_str!("page.css");

/// One part of the report.
pub(crate) enum Part {
    Heading(String),
    Paragraph(String),
    /// The first thing to read.
    Findings(Vec<String>),
    /// Sentences for those who want to know more.
    List(Vec<String>),
    Facts(Vec<(String, String)>),
    Table(Table),
    Figures(Vec<Figure>),
    /// Long text behind a title: commands, settings, a log.
    Folded(String, String),
    /// What went wrong.
    Warning(Vec<String>),
}

/// The whole page as HTML: one file, no scripts, nothing from elsewhere.
pub(crate) fn html(title: &str, subtitle: &str, parts: &[Part]) -> String {
    let mut body = String::new();
    let (mut tables, mut figures) = (0, 0);
    for part in parts {
        match part {
            Part::Heading(text) => drop(writeln!(body, "<h2>{}</h2>", escape(text))),
            Part::Paragraph(text) => drop(writeln!(body, "<p>{}</p>", escape(text))),
            Part::Findings(lines) => list(&mut body, "findings", lines),
            Part::Warning(lines) => list(&mut body, "warning", lines),
            Part::List(lines) => list(&mut body, "plain", lines),
            Part::Facts(facts) => {
                body.push_str("<dl>\n");
                for (name, value) in facts {
                    let _ = writeln!(body, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
                }
                body.push_str("</dl>\n");
            }
            Part::Table(table) => {
                tables += 1;
                body.push_str(&table.html(tables));
            }
            Part::Figures(list) => {
                body.push_str("<div class=\"figures\">\n");
                for figure in list {
                    figures += 1;
                    let class = if figure.wide { "wide" } else { "half" };
                    let caption = escape(&figure.caption);
                    let _ = writeln!(
                        body,
                        "<figure class=\"{class}\">{}<figcaption><b>Figure {figures}.</b> {caption}</figcaption></figure>",
                        figure.svg
                    );
                }
                body.push_str("</div>\n");
            }
            Part::Folded(title, text) => {
                let _ = writeln!(body, "<details><summary>{}</summary><pre>{}</pre></details>", escape(title), escape(text));
            }
        }
    }
    let (title, subtitle) = (escape(title), escape(subtitle));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header><h1>{title}</h1><p class=\"subtitle\">{subtitle}</p></header>\n\
         {body}</main>\n</body>\n</html>\n"
    )
}

/// The tables and sentences as Markdown; figures are named by their files.
pub(crate) fn markdown(title: &str, subtitle: &str, parts: &[Part]) -> String {
    let mut text = format!("# {title}\n\n{subtitle}\n\n");
    let (mut tables, mut figures) = (0, 0);
    for part in parts {
        match part {
            Part::Heading(heading) => drop(write!(text, "## {heading}\n\n")),
            Part::Paragraph(paragraph) => drop(write!(text, "{paragraph}\n\n")),
            Part::Findings(lines) | Part::List(lines) | Part::Warning(lines) => {
                for line in lines {
                    let _ = writeln!(text, "- {line}");
                }
                text.push('\n');
            }
            Part::Facts(facts) => {
                for (name, value) in facts {
                    let _ = writeln!(text, "- {name}: {value}");
                }
                text.push('\n');
            }
            Part::Table(table) => {
                tables += 1;
                text.push_str(&table.markdown(tables));
            }
            Part::Figures(list) => {
                for figure in list {
                    figures += 1;
                    let _ = write!(text, "![Figure {figures}]({})\n\n**Figure {figures}.** {}\n\n", figure.file, figure.caption);
                }
            }
            Part::Folded(title, content) => drop(write!(text, "{title}:\n\n```text\n{}\n```\n\n", content.trim_end())),
        }
    }
    text
}

fn list(body: &mut String, class: &str, lines: &[String]) {
    let _ = writeln!(body, "<ul class=\"{class}\">");
    for line in lines {
        let _ = writeln!(body, "<li>{}</li>", escape(line));
    }
    body.push_str("</ul>\n");
}

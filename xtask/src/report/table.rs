//! A table that can be set in HTML and in Markdown.

use std::fmt::Write as _;

use super::svg::escape;

/// Words longer than this may be broken into lines.
const LONG: usize = 44;

/// One cell: a figure, and what stands small under it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) under: String,
    /// Stands small behind the figure.
    pub(crate) beside: String,
    pub(crate) strong: bool,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Cell {
    pub(crate) fn under(mut self, under: impl Into<String>) -> Self {
        self.under = under.into();
        self
    }

    pub(crate) fn beside(mut self, beside: impl Into<String>) -> Self {
        self.beside = beside.into();
        self
    }

    pub(crate) fn strong(mut self, strong: bool) -> Self {
        self.strong = strong;
        self
    }
}

/// One row; `rule` draws a thin line above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Cell>,
    pub(crate) rule: bool,
}

/// A table: the first `words` columns hold words, the others figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) words: usize,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// Small print below.
    pub(crate) note: String,
}

impl Table {
    pub(crate) fn new(caption: impl Into<String>, words: usize, head: Vec<String>) -> Self {
        Self { caption: caption.into(), words, head, ..Self::default() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { cells, rule: false });
    }

    pub(crate) fn ruled_row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { cells, rule: true });
    }

    /// As HTML, numbered.
    pub(crate) fn html(&self, number: usize) -> String {
        let class = |column: usize| if column < self.words { " class=\"word\"" } else { "" };
        let mut html = format!(
            "<figure class=\"table\"><figcaption><b>Table {number}.</b> {}</figcaption>\n<div class=\"scroll\"><table>\n<thead><tr>",
            escape(&self.caption)
        );
        for (column, title) in self.head.iter().enumerate() {
            let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(column), escape(title));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str(if row.rule { "<tr class=\"rule\">" } else { "<tr>" });
            for (column, cell) in row.cells.iter().enumerate() {
                let text = if cell.strong { format!("<b>{}</b>", escape(&cell.text)) } else { escape(&cell.text) };
                let under = if cell.under.is_empty() { String::new() } else { format!("<small>{}</small>", escape(&cell.under)) };
                let beside = if cell.beside.is_empty() { String::new() } else { format!("<i>{}</i>", escape(&cell.beside)) };
                let class = if cell.text.chars().count() > LONG { " class=\"word long\"" } else { class(column) };
                let _ = write!(html, "<td{class}>{text}{beside}{under}</td>");
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>\n");
        if !self.note.is_empty() {
            let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(&self.note));
        }
        html.push_str("</figure>\n");
        html
    }

    /// As Markdown, numbered.
    pub(crate) fn markdown(&self, number: usize) -> String {
        let escape = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("**Table {number}.** {}\n\n", self.caption);
        text += &line(self.head.iter().map(|title| escape(title)).collect());
        text += &line((0..self.head.len()).map(|column| if column < self.words { "---" } else { "---:" }.to_string()).collect());
        for row in &self.rows {
            let cell = |cell: &Cell| {
                let figure = if cell.strong { format!("**{}**", escape(&cell.text)) } else { escape(&cell.text) };
                let figure = if cell.beside.is_empty() { figure } else { format!("{figure} {}", escape(&cell.beside)) };
                if cell.under.is_empty() { figure } else { format!("{figure} ({})", escape(&cell.under)) }
            };
            text += &line(row.cells.iter().map(cell).collect());
        }
        if !self.note.is_empty() {
            let _ = write!(text, "\n{}\n", self.note);
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_same_figures() {
        let mut table = Table::new("Accuracy <by> dataset", 1, vec!["dataset".into(), "mix-all".into()]);
        table.ruled_row(vec!["a|b".into(), Cell::from("0.5").beside("± 0.1").under("[0, 1]").strong(true)]);
        let (html, markdown) = (table.html(1), table.markdown(1));
        assert!(
            html.contains("Accuracy &lt;by&gt;")
                && html.contains("<b>0.5</b><i>± 0.1</i><small>[0, 1]</small>")
                && html.contains("class=\"rule\"")
        );
        assert!(markdown.contains("| a\\|b | **0.5** ± 0.1 ([0, 1]) |") && markdown.contains("| --- | ---: |"));
    }
}

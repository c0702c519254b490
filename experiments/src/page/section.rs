//! What a page is made of: headings with texts, tables and pictures below them.

use super::escape::escaped;
use super::picture::Picture;
use super::table::Table;
use std::fmt::Write as _;

/// A heading and what is below it, in the order in which it was added.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    heading: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Note(String),
    Warning(String),
    List(Vec<String>),
    Facts(Vec<(String, String)>),
    Table(Table),
    Picture(Picture),
    Code { summary: String, text: String },
}

impl Section {
    /// An empty section.
    pub fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            parts: Vec::new(),
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Part::Text(text.into()))
    }

    /// Adds a paragraph in small print, such as how to read a table.
    #[must_use]
    pub fn note(self, text: impl Into<String>) -> Self {
        self.with(Part::Note(text.into()))
    }

    /// Adds a paragraph that is not to be missed.
    #[must_use]
    pub fn warning(self, text: impl Into<String>) -> Self {
        self.with(Part::Warning(text.into()))
    }

    /// Adds a list of sentences; one without any is left out.
    #[must_use]
    pub fn list<T: Into<String>>(self, items: impl IntoIterator<Item = T>) -> Self {
        let items: Vec<String> = items.into_iter().map(Into::into).collect();
        if items.is_empty() {
            return self;
        }
        self.with(Part::List(items))
    }

    /// Adds pairs of a name and what it is, such as a file and its rows.
    #[must_use]
    pub fn facts<K: Into<String>, V: Into<String>>(
        self,
        facts: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let facts = facts.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.with(Part::Facts(facts.collect()))
    }

    /// Adds a table; one without rows is left out.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        if table.is_empty() {
            return self;
        }
        self.with(Part::Table(table))
    }

    /// Adds a picture.
    #[must_use]
    pub fn picture(self, picture: Picture) -> Self {
        self.with(Part::Picture(picture))
    }

    /// Adds a text of fixed width behind a line that opens it, such as a config.
    #[must_use]
    pub fn code(self, summary: impl Into<String>, text: impl Into<String>) -> Self {
        self.with(Part::Code {
            summary: summary.into(),
            text: text.into(),
        })
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    pub(super) fn heading(&self) -> &str {
        &self.heading
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn write(&self, html: &mut String, id: &str) {
        let heading = escaped(&self.heading);
        let _ = writeln!(html, "<section id=\"{id}\">\n<h2>{heading}</h2>");
        for part in &self.parts {
            part.write(html);
        }
        html.push_str("</section>\n");
    }
}

impl Part {
    fn write(&self, html: &mut String) {
        let paragraph = |html: &mut String, class: &str, text: &str| {
            let _ = writeln!(html, "<p{class}>{}</p>", escaped(text));
        };
        match self {
            Self::Text(text) => paragraph(html, "", text),
            Self::Note(text) => paragraph(html, " class=\"note\"", text),
            Self::Warning(text) => paragraph(html, " class=\"warning\" role=\"note\"", text),
            Self::List(items) => {
                html.push_str("<ul>\n");
                for item in items {
                    let _ = writeln!(html, "<li>{}</li>", escaped(item));
                }
                html.push_str("</ul>\n");
            }
            Self::Facts(facts) => {
                html.push_str("<dl>\n");
                for (name, value) in facts {
                    let (name, value) = (escaped(name), escaped(value));
                    let _ = writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
                }
                html.push_str("</dl>\n");
            }
            Self::Table(table) => table.write(html),
            Self::Picture(picture) => picture.write(html),
            Self::Code { summary, text } => {
                let (summary, text) = (escaped(summary), escaped(text));
                let _ = writeln!(
                    html,
                    "<details><summary>{summary}</summary>\n<pre tabindex=\"0\">{text}</pre></details>"
                );
            }
        }
    }
}

//! A page from its title to its file.

use super::escape::escaped;
use super::section::Section;
use crate::Result;
use crate::record::run_directory::write_whole;
use std::fmt::Write as _;
use std::path::Path;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing is loaded from anywhere, whatever a text on the page says.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A page: a title, a lead sentence and sections.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    title: String,
    lead: Vec<String>,
    sections: Vec<Section>,
}

impl Page {
    /// An empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lead: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Adds a sentence below the title.
    #[must_use]
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead.push(text.into());
        self
    }

    /// Adds a section; one without anything in it is left out.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        if !section.is_empty() {
            self.sections.push(section);
        }
        self
    }

    /// The page as HTML.
    pub fn to_html(&self) -> String {
        let title = escaped(&self.title);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n"
        );
        for text in &self.lead {
            let _ = writeln!(html, "<p class=\"lead\">{}</p>", escaped(text));
        }
        html.push_str("</header>\n");
        // A page of one section needs no list of them.
        if self.sections.len() > 1 {
            html.push_str("<nav aria-label=\"Sections\">\n");
            for (index, section) in self.sections.iter().enumerate() {
                let heading = escaped(section.heading());
                let _ = writeln!(html, "<a href=\"#s{}\">{heading}</a>", index + 1);
            }
            html.push_str("</nav>\n");
        }
        for (index, section) in self.sections.iter().enumerate() {
            section.write(&mut html, &format!("s{}", index + 1));
        }
        let _ = write!(
            html,
            "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
        );
        html
    }

    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// [`crate::Error::File`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_whole(path, self.to_html().as_bytes())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Cell, Table};
    use super::*;

    /// Checks that every tag that is opened is closed in its turn, that ids are unique, and that nothing is loaded.
    pub(in super::super) fn check(html: &str) {
        let (mut open, mut ids) = (Vec::new(), Vec::new());
        let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
        while let Some(start) = rest.find('<') {
            assert!(
                !rest[..start].contains('>'),
                "a stray > in {}",
                &rest[..start]
            );
            let end = start + rest[start..].find('>').unwrap();
            let tag = &rest[start + 1..end];
            rest = &rest[end + 1..];
            let name = tag.split_whitespace().next().unwrap();
            if let Some(name) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "</{name}>");
                continue;
            }
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            for id in tag.split(" id=\"").skip(1) {
                let id = id.split('"').next().unwrap();
                assert!(!ids.contains(&id), "{id} twice");
                ids.push(id);
            }
            if ["meta", "img", "br"].contains(&name) {
                continue;
            }
            open.push(name);
            if ["style", "script"].contains(&name) {
                // What is in these is no HTML.
                rest = &rest[rest.find("</").unwrap()..];
            }
        }
        assert!(open.is_empty(), "{open:?}");
        for wrong in ["http://", "https://", "//cdn", "<link", "@import", "url("] {
            assert!(!html.contains(wrong), "{wrong}");
        }
        for source in html.split("src=").skip(1) {
            assert!(
                source.starts_with("\"data:image/png;base64,"),
                "{}",
                &source[..40]
            );
        }
    }

    fn page() -> Page {
        let table = Table::new("Figures & <others>")
            .text("metric")
            .number("value")
            .row(["a < b".into(), Cell::number(0.5)])
            .row(["\"c\"".into(), Cell::missing()]);
        Page::new("One <b>page</b> & more")
            .lead("It's \"all\" of it.")
            .section(
                Section::new("First")
                    .facts([("file", "a&b.csv"), ("rows", "1 < 2")])
                    .text("Text.")
                    .table(table.clone())
                    .warning("Careful: <script>alert(1)</script>")
                    .note("A note.")
                    .list(["one", "two"])
                    .code("The config", "(a: \"<x>\")"),
            )
            .section(Section::new("Second").table(table))
            .section(Section::new("Nothing"))
    }

    #[test]
    fn a_page_is_well_formed_and_loads_nothing() {
        let html = page().to_html();
        check(&html);
        assert_eq!(html, page().to_html());
        for piece in [
            "<html lang=\"en\">",
            "name=\"viewport\"",
            "prefers-color-scheme: dark",
            "<title>One &lt;b&gt;page&lt;/b&gt; &amp; more</title>",
            "Careful: &lt;script&gt;alert(1)&lt;/script&gt;",
        ] {
            assert!(html.contains(piece), "{piece}");
        }
        assert!(!html.contains("Nothing"), "an empty section has no heading");
    }

    #[test]
    fn a_page_is_written_whole() {
        let folder = std::env::temp_dir().join(format!("trimtab-page-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("report.html");
        page().write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), page().to_html());
        assert!(page().write(&folder.join("none/report.html")).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

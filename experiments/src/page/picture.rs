//! Pictures as part of the file.

use super::escape::escaped;
use crate::{Error, Result};
use data_encoding::BASE64;
use std::fmt::Write as _;
use std::path::Path;

/// A PNG with what it shows in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    png: Vec<u8>,
    alt: String,
    caption: String,
}

impl Picture {
    /// A picture from the bytes of a PNG; `alt` is for those who cannot see it.
    pub fn new(png: Vec<u8>, alt: impl Into<String>, caption: impl Into<String>) -> Self {
        Self {
            png,
            alt: alt.into(),
            caption: caption.into(),
        }
    }

    /// A picture from a file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn read(path: &Path, alt: impl Into<String>, caption: impl Into<String>) -> Result<Self> {
        let png = std::fs::read(path).map_err(Error::file(path))?;
        Ok(Self::new(png, alt, caption))
    }

    /// Width and height in the header of the PNG, so that the page does not jump while it is laid out.
    fn dimensions(&self) -> Option<(u32, u32)> {
        let number = |at: usize| {
            let bytes = self.png.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        Some((number(16)?, number(20)?))
    }

    pub(super) fn write(&self, html: &mut String) {
        let (alt, caption) = (escaped(&self.alt), escaped(&self.caption));
        let size = self.dimensions();
        let size = size.map_or_else(String::new, |(width, height)| {
            format!(" width=\"{width}\" height=\"{height}\"")
        });
        let _ = writeln!(
            html,
            "<figure><div class=\"picture\"><img alt=\"{alt}\"{size} src=\"data:image/png;base64,{}\"></div>\n\
             <figcaption>{caption}</figcaption></figure>",
            BASE64.encode(&self.png)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::check;
    use super::super::{Page, Section};
    use super::*;

    #[test]
    fn a_picture_is_part_of_the_page() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 4, 176, 0, 0, 2, 88]);
        let picture = Picture::new(png, "a \"line\"", "Loss <over> cost");
        let page = Page::new("p").section(Section::new("Pictures").picture(picture));
        let html = page.to_html();
        check(&html);
        assert!(html.contains(
            "alt=\"a &quot;line&quot;\" width=\"1200\" height=\"600\" src=\"data:image/png;base64,iVBORw0KGgo"
        ));
        assert!(html.contains("Loss &lt;over&gt; cost"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Picture::read(Path::new("none/a.png"), "", "").unwrap_err();
        assert!(error.to_string().contains("a.png"), "{error}");
    }
}

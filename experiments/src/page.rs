//! Reports as one HTML file that needs nothing beside it: no network, no other files, and no scripts to be complete.
//!
//! Input: texts, figures and pictures. Output: the same bytes for the same input.
//!
//! | to find | look in |
//! |---|---|
//! | a page from its title to its file | [`Page`] |
//! | what a section holds | [`Section`] |
//! | tables, and how a figure is written | [`Table`], [`Cell`] |
//! | pictures as part of the file | [`Picture`] |
//! | the page of a run, of a comparison | [`experiment()`], [`comparison()`] |
//! | how it looks, and how its tables sort | `page/style.css`, `page/script.js` |
//!
//! ```
//! use trimtab_experiments::page::{Cell, Page, Section, Table};
//! let figures = Table::new("On the test rows")
//!     .text("metric")
//!     .number("tuned")
//!     .row(["accuracy".into(), Cell::number(0.934)]);
//! let page = Page::new("iris").lead("Three kinds of flowers.").section(Section::new("How good it is").table(figures));
//! assert!(page.to_html().contains("<td class=\"n\" data-key=\"0.934\">0.9340</td>"));
//! ```

mod cell;
mod comparison;
mod document;
mod escape;
mod experiment;
mod picture;
mod pictures;
mod section;
mod table;

pub use cell::{Cell, Tone};
pub use comparison::comparison;
pub use document::Page;
pub use experiment::experiment;
pub use picture::Picture;
pub use section::Section;
pub use table::Table;

//! The sheet of a picture: marks in pixels, smoothed by drawing at a finer resolution, and written whole.

use super::Error;
use super::colour::BLACK;
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, IntoFont, RGBAColor, RGBColor, TextStyle, WHITE, register_font,
};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Once;
use trimtab_env::files;

/// Width of every picture in pixels.
pub(super) const WIDTH: u32 = 1200;

/// Pixels drawn a side for each pixel written. The bitmap backend smooths no edges; averaging does.
const OVERSAMPLING: u32 = 2;

const FONT_FAMILY: &str = "sans-serif";
static FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans-subset.ttf");

/// What a drawing step says when it fails.
pub(super) type Failure =
    DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// A position in pixels from the top left.
pub(super) type Point = (f64, f64);

/// The side of a text that stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The middle of its left edge.
    Left,
    /// The middle of its right edge.
    Right,
    /// Its centre.
    Centre,
    /// Its centre, the text turned to read upwards.
    Upwards,
}

/// A white sheet. Lengths are pixels of the written picture.
pub(super) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
    height: f64,
}

impl Canvas<'_> {
    /// Height of the sheet.
    pub(super) fn height(&self) -> f64 {
        self.height
    }

    /// A line through `points`, with round joints.
    pub(super) fn line(
        &self,
        points: &[Point],
        colour: RGBColor,
        width: f64,
    ) -> Result<(), Failure> {
        let stroke = (fine(width).max(1)) as u32;
        for pair in points.windows(2) {
            let ends: Vec<_> = pair.iter().map(place).collect();
            self.area
                .draw(&PathElement::new(ends, colour.stroke_width(stroke)))?;
        }
        if stroke > 3 {
            for point in points {
                let radius = (stroke / 2) as i32;
                self.area
                    .draw(&Circle::new(place(point), radius, colour.filled()))?;
            }
        }
        Ok(())
    }

    /// A dashed line through `points`.
    pub(super) fn dashes(
        &self,
        points: &[Point],
        colour: RGBColor,
        width: f64,
    ) -> Result<(), Failure> {
        // Where the line is in its pattern of a dash and a gap goes on around the corners.
        let (dash, period) = (10.0, 16.0);
        let mut walked = 0.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            let at = |along: f64| {
                let share = (along / length).clamp(0.0, 1.0);
                (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
            };
            let mut start = -(walked % period);
            while start < length {
                if start + dash > 0.0 {
                    self.line(&[at(start), at(start + dash)], colour, width)?;
                }
                start += period;
            }
            walked += length;
        }
        Ok(())
    }

    /// A filled disc.
    pub(super) fn disc(
        &self,
        centre: Point,
        radius: f64,
        colour: impl Into<RGBAColor>,
    ) -> Result<(), Failure> {
        let style = colour.into().filled();
        self.area
            .draw(&Circle::new(place(&centre), fine(radius), style))
    }

    /// A ring that sets off the point in it.
    pub(super) fn ring(&self, centre: Point, colour: RGBColor) -> Result<(), Failure> {
        self.disc(centre, 11.0, WHITE)?;
        self.disc(centre, 9.5, colour)?;
        self.disc(centre, 5.5, WHITE)
    }

    /// A diagonal cross.
    pub(super) fn cross(
        &self,
        (x, y): Point,
        radius: f64,
        colour: RGBColor,
    ) -> Result<(), Failure> {
        for side in [-radius, radius] {
            self.line(
                &[(x - radius, y - side), (x + radius, y + side)],
                colour,
                3.0,
            )?;
        }
        Ok(())
    }

    /// A filled rectangle between two corners.
    pub(super) fn rectangle(
        &self,
        first: Point,
        second: Point,
        colour: impl Into<RGBAColor>,
    ) -> Result<(), Failure> {
        let style = colour.into().filled();
        self.area
            .draw(&Rectangle::new([place(&first), place(&second)], style))
    }

    /// The area between a lower and an upper line, each given at the same ascending `x`: `(x, lower, upper)`.
    pub(super) fn band(
        &self,
        band: &[(f64, f64, f64)],
        colour: impl Into<RGBAColor> + Copy,
    ) -> Result<(), Failure> {
        // Column by column, so that a translucent band darkens no pixel twice.
        let column = 1.0 / f64::from(OVERSAMPLING);
        for pair in band.windows(2) {
            let [(x0, low0, high0), (x1, low1, high1)] = [pair[0], pair[1]];
            for fine_x in fine(x0)..fine(x1) {
                let x = f64::from(fine_x) * column;
                let share = ((x - x0) / (x1 - x0)).clamp(0.0, 1.0);
                let low = low0 + share * (low1 - low0);
                let high = high0 + share * (high1 - high0);
                self.rectangle((x, low.min(high)), (x + column, low.max(high)), colour)?;
            }
        }
        Ok(())
    }

    /// A text of `size` pixels.
    pub(super) fn text(
        &self,
        text: &str,
        at: Point,
        anchor: Anchor,
        size: f64,
    ) -> Result<(), Failure> {
        let (horizontal, transform) = match anchor {
            Anchor::Left => (HPos::Left, FontTransform::None),
            Anchor::Right => (HPos::Right, FontTransform::None),
            Anchor::Centre => (HPos::Center, FontTransform::None),
            Anchor::Upwards => (HPos::Center, FontTransform::Rotate270),
        };
        // The font's line box, which the library centres, reaches higher above the letters than below.
        let lowered = match anchor {
            Anchor::Upwards => at,
            Anchor::Left | Anchor::Right | Anchor::Centre => (at.0, at.1 + 0.13 * size),
        };
        let style = font(size)
            .transform(transform)
            .pos(Pos::new(horizontal, VPos::Center));
        self.area
            .draw(&Text::new(text.to_owned(), place(&lowered), style))
    }

    /// Width of a text of `size` pixels.
    pub(super) fn text_width(&self, text: &str, size: f64) -> Result<f64, Failure> {
        let (width, _) = self.area.estimate_text_size(text, &font(size))?;
        Ok(f64::from(width) / f64::from(OVERSAMPLING))
    }

    /// The text, with an ellipsis for its end if it is wider than `width`.
    pub(super) fn fitted(&self, text: &str, size: f64, width: f64) -> Result<String, Failure> {
        let mut fitted = text.to_owned();
        let mut kept = text.chars().count();
        while kept > 0 && self.text_width(&fitted, size)? > width {
            kept -= 1;
            fitted = text.chars().take(kept).chain(['…']).collect();
        }
        Ok(fitted)
    }
}

fn font(size: f64) -> TextStyle<'static> {
    (FONT_FAMILY, fine(size)).into_font().color(&BLACK)
}

fn fine(length: f64) -> i32 {
    (length * f64::from(OVERSAMPLING)).round() as i32
}

fn place(point: &Point) -> (i32, i32) {
    (fine(point.0), fine(point.1))
}

/// Draws a picture of [`WIDTH`] by `height` pixels and writes it to `path`.
///
/// # Errors
/// [`Error::Draw`] or [`Error::Write`]; then no file is left behind and an old picture stays as it was.
pub(super) fn draw(
    path: &Path,
    height: u32,
    paint: impl FnOnce(&Canvas) -> Result<(), Failure>,
) -> Result<(), Error> {
    let pixels = painted(height, paint).map_err(|error| Error::Draw {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    write(path, height, &pixels)
}

/// The pixels of a picture, three bytes each.
fn painted(
    height: u32,
    paint: impl FnOnce(&Canvas) -> Result<(), Failure>,
) -> Result<Vec<u8>, Failure> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // The other styles fall back to this one. A font that cannot be read shows in the first text drawn.
        let _ = register_font(FONT_FAMILY, FontStyle::Normal, FONT);
    });
    let (width, fine_height) = (WIDTH * OVERSAMPLING, height * OVERSAMPLING);
    let mut pixels = vec![0; width as usize * fine_height as usize * 3];
    {
        let area =
            BitMapBackend::with_buffer(&mut pixels, (width, fine_height)).into_drawing_area();
        area.fill(&WHITE)?;
        let canvas = Canvas {
            area,
            height: f64::from(height),
        };
        paint(&canvas)?;
    }
    Ok(averaged(&pixels))
}

/// Each written pixel as the mean of those drawn for it.
fn averaged(pixels: &[u8]) -> Vec<u8> {
    let side = OVERSAMPLING as usize;
    let row = WIDTH as usize * side * 3;
    let mut written = Vec::with_capacity(pixels.len() / (side * side));
    for rows in pixels.chunks_exact(row * side) {
        for x in 0..WIDTH as usize {
            for channel in 0..3 {
                let sum: usize = (0..side * side)
                    .map(|i| row * (i / side) + (x * side + i % side) * 3 + channel)
                    .map(|at| usize::from(rows[at]))
                    .sum();
                written.push((sum / (side * side)) as u8);
            }
        }
    }
    written
}

fn write(path: &Path, height: u32, pixels: &[u8]) -> Result<(), Error> {
    let failed = |reason: String| Error::Write {
        path: path.to_owned(),
        reason,
    };
    let name = path
        .file_name()
        .ok_or_else(|| failed("this is no file name".to_owned()))?;
    // What cannot be replaced, such as a pipe, has no place beside it.
    let channel = files::is_standard_output(path) || files::is_channel(path);
    let place = files::behind_links(path);
    let folder = place.parent().unwrap_or(Path::new(""));
    let process = std::process::id();
    let temporary = folder.join(format!(".{}.{process}.png", name.to_string_lossy()));
    let picture = encode(height, pixels);
    let written = if channel {
        picture.and_then(|picture| files::write_whole(path, &picture))
    } else {
        picture.and_then(|picture| {
            let mut file = File::create(&temporary)?;
            file.write_all(&picture)?;
            file.sync_all()?;
            fs::rename(&temporary, &place)
        })
    };
    written.map_err(|error| {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        failed(error.to_string())
    })
}

/// A picture as a PNG.
fn encode(height: u32, pixels: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, WIDTH, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(picture)
}

/// Width and height in the header of a PNG.
#[cfg(test)]
pub(super) fn dimensions(path: &Path) -> (u32, u32) {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// An empty folder of one test.
#[cfg(test)]
pub(super) fn folder(test: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("trimtab-plot-{}-{test}", std::process::id()));
    // Another process of the same id may have left one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_replaces_the_old_one_and_leaves_nothing_beside_it() {
        let folder = folder("canvas");
        let path = folder.join("a.png");
        fs::write(&path, "old").unwrap();
        draw(&path, 100, |canvas| {
            canvas.text("α ± 1 → ×", (600.0, 50.0), Anchor::Centre, 20.0)
        })
        .unwrap();
        assert_eq!(dimensions(&path), (WIDTH, 100));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_translucent_band_is_even_and_ends_where_it_should() {
        let band = [(10.0, 15.0, 5.0), (12.5, 15.0, 5.0), (20.0, 15.0, 5.0)];
        let pixels = painted(30, |canvas| canvas.band(&band, BLACK.mix(0.5))).unwrap();
        let red = |x: usize, y: usize| pixels[(y * WIDTH as usize + x) * 3];
        for y in 0..30 {
            for x in 0..40 {
                let inside = (10..20).contains(&x) && (5..15).contains(&y);
                let value = red(x, y);
                // Half of 255, whichever way the backend rounds.
                let fits = if inside {
                    (127..=128).contains(&value)
                } else {
                    value == 255
                };
                assert!(fits, "{x} {y}: {value}");
            }
        }
    }

    #[test]
    fn a_folder_that_does_not_exist_is_an_error_that_names_the_file() {
        let path = folder("nowhere").join("missing/a.png");
        let error = draw(&path, 100, |_| Ok(())).unwrap_err();
        assert!(matches!(error, Error::Write { .. }));
        assert!(error.to_string().contains("a.png"), "{error}");
    }

    #[test]
    fn long_texts_are_cut_to_their_place() {
        draw(&folder("fitted").join("a.png"), 100, |canvas| {
            assert_eq!(canvas.fitted("short", 20.0, 500.0)?, "short");
            let cut = canvas.fitted(&"long".repeat(100), 20.0, 500.0)?;
            assert!(cut.ends_with('…') && canvas.text_width(&cut, 20.0)? <= 500.0);
            Ok(())
        })
        .unwrap();
    }
}

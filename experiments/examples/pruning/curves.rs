//! The validation loss over what was spent, as a picture.

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::error::Error;
use std::fs::File;
use std::path::Path;
use trimtab_env::Segment;

const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans-subset.ttf");
const SIZE: (u32, u32) = (1200, 560);
/// Places on the axis of what was spent.
const PLACES: usize = 100;
/// What is drawn, with the colours of Okabe and Ito (2008), told apart with every kind of colour vision.
const DRAWN: [(&str, RGBColor); 5] = [
    ("whole network", RGBColor(0, 0, 0)),
    ("pruned: Taylor", RGBColor(0, 114, 178)),
    ("pruned: magnitude", RGBColor(230, 159, 0)),
    ("pruned: random", RGBColor(213, 94, 0)),
    ("small from the start", RGBColor(0, 158, 115)),
];

/// Mean and standard deviation.
pub fn spread(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

/// The logarithm of the validation loss over the share of the budget that is spent: mean and standard deviation over runs.
pub struct Curve {
    name: &'static str,
    points: Vec<(f64, f64, f64)>,
}

impl Curve {
    /// The mean of these runs, from where all of them have a loss.
    pub fn of<'a>(name: &'static str, runs: impl Iterator<Item = &'a [Segment]>) -> Self {
        let runs: Vec<Vec<(f64, f64)>> = runs
            .map(|segments| {
                let all = segments.last().map_or(1.0, |segment| segment.spent);
                let loss = |segment: &Segment| {
                    let validation = segment.report.validation.as_ref()?;
                    Some((segment.spent / all, validation.loss.ln()))
                };
                segments.iter().filter_map(loss).collect()
            })
            .collect();
        let at = |share: f64| -> Option<(f64, f64, f64)> {
            let last =
                |run: &Vec<(f64, f64)>| run.iter().rfind(|(spent, _)| *spent <= share).copied();
            let losses: Vec<f64> = runs
                .iter()
                .map(|run| last(run).map(|(_, loss)| loss))
                .collect::<Option<_>>()?;
            let (mean, by) = spread(&losses);
            Some((share, mean, by))
        };
        let shares = (0..=PLACES).map(|place| place as f64 / PLACES as f64);
        Self {
            name,
            points: shares.filter_map(at).collect(),
        }
    }
}

/// Draws the data sets side by side.
pub fn draw(path: &Path, panels: &[(&str, Vec<Curve>)]) -> Result<(), Box<dyn Error>> {
    register_font("sans-serif", FontStyle::Normal, FONT).map_err(|_| "the font cannot be read")?;
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let sheet = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        sheet.fill(&WHITE)?;
        let sides = sheet.split_evenly((1, panels.len()));
        for ((name, curves), side) in panels.iter().zip(sides) {
            panel(&side, name, curves)?;
        }
        sheet.present()?;
    }
    let mut encoder = png::Encoder::new(File::create(path)?, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    Ok(writer.finish()?)
}

type Side<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;

fn panel(side: &Side, name: &str, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let drawn = DRAWN.iter().filter_map(|(name, colour)| {
        let curve = curves.iter().find(|curve| curve.name == *name)?;
        Some((curve, *colour))
    });
    let drawn: Vec<(&Curve, RGBColor)> = drawn.collect();
    let all = drawn.iter().flat_map(|(curve, _)| &curve.points);
    // Before that the loss falls from where all of them begin.
    let late = all.filter(|(share, ..)| *share >= 0.12);
    let (low, high) = late.fold((f64::MAX, f64::MIN), |(low, high), (_, mean, by)| {
        (low.min(mean - by), high.max(mean + by))
    });
    let mut chart = ChartBuilder::on(side)
        .caption(name, ("sans-serif", 24))
        .margin(12)
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(0f64..1f64, low.exp()..high.exp())?;
    chart
        .configure_mesh()
        .x_desc("share of the budget that is spent")
        .y_desc("validation loss (nats), mean ± deviation of 5 seeds")
        .x_labels(6)
        .y_labels(8)
        .y_label_formatter(&|loss| format!("{loss:.2}"))
        .label_style(("sans-serif", 17))
        .axis_desc_style(("sans-serif", 18))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let within = |log: f64| log.clamp(low, high).exp();
    for (curve, colour) in &drawn {
        let above = curve
            .points
            .iter()
            .map(|(x, mean, by)| (*x, within(mean + by)));
        let below = curve
            .points
            .iter()
            .rev()
            .map(|(x, mean, by)| (*x, within(mean - by)));
        let outline: Vec<(f64, f64)> = above.chain(below).collect();
        chart.draw_series([Polygon::new(outline, colour.mix(0.13))])?;
    }
    for (curve, colour) in drawn {
        let line = curve.points.iter().map(|(x, mean, _)| (*x, within(*mean)));
        let line: Vec<(f64, f64)> = line.collect();
        chart
            .draw_series([PathElement::new(line, colour.stroke_width(3))])?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 28, y)], colour.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(222, 222, 222))
        .label_font(("sans-serif", 17))
        .legend_area_size(36)
        .draw()?;
    Ok(())
}

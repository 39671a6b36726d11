//! Latency by percentile as a picture: SVG for documents, PNG for everywhere else.
//!
//! The percentiles lie as HdrHistogram has them: 90 %, 99 % and 99.9 % are as far apart as they are
//! rare, so that the tail is half of the picture and not its last pixel. PNG brings its own letters
//! (DejaVu Sans), for a machine without a screen has none.

use crate::terminal::Spoken;
use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::fs;
use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (1280, 700);
/// Points of a line: more than there are pixels between two of its steps.
const POINTS: u32 = 600;
/// Lines that can be told apart, each in two strokes: whole ones, then dashed ones.
pub(crate) const LINES_MAX: usize = 2 * COLOURS.len();

/// Colours that those can tell apart who do not see all of them (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(60, 60, 60),
];

/// A line of the picture.
pub(crate) struct Line<'a> {
    pub(crate) name: String,
    pub(crate) histogram: &'a Histogram<u64>,
    /// Which colour.
    pub(crate) colour: usize,
    /// Whether it is of the second file.
    pub(crate) thin: bool,
}

/// What kind of picture a file's name asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Svg,
    Png,
}

impl Kind {
    /// By the ending.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Draws the lines into a file. A value counts `unit` nanoseconds.
pub(crate) fn write(path: &Path, title: &str, lines: &[Line<'_>], unit: u64) -> Result<()> {
    // The letters are needed for SVG too, where their widths lay out the legend.
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| anyhow!("the font cannot be read"))?;
    let place = || path.display().to_string();
    match Kind::of(path) {
        Some(Kind::Svg) => {
            let mut text = String::new();
            draw(SVGBackend::with_string(&mut text, SIZE), title, lines, unit, 1)?;
            fs::write(path, text).with_context(place)
        }
        Some(Kind::Png) => {
            let pixels = pixels(title, lines, unit)?;
            let file = BufWriter::new(fs::File::create(path).with_context(place)?);
            let mut encoder = png::Encoder::new(file, SIZE.0, SIZE.1);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header().with_context(place)?;
            writer.write_image_data(&pixels).with_context(place)?;
            writer.finish().with_context(place)
        }
        None => Err(anyhow!("{}: a picture is .svg or .png", path.display())),
    }
}

/// The picture, drawn twice as large and made smaller again, so that its lines have soft edges.
fn pixels(title: &str, lines: &[Line<'_>], unit: u64) -> Result<Vec<u8>> {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let mut large = vec![255; 4 * width * height * 3];
    let canvas = BitMapBackend::with_buffer(&mut large, (SIZE.0 * 2, SIZE.1 * 2));
    draw(canvas, title, lines, unit, 2)?;
    let at =
        |x: usize, y: usize, channel: usize| u16::from(large[(y * 2 * width + x) * 3 + channel]);
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in (0..2 * height).step_by(2) {
        for x in (0..2 * width).step_by(2) {
            pixels.extend((0..3).map(|channel| {
                let above = at(x, y, channel) + at(x + 1, y, channel);
                let below = at(x, y + 1, channel) + at(x + 1, y + 1, channel);
                ((above + below) / 4) as u8
            }));
        }
    }
    Ok(pixels)
}

/// Draws everything, `scale` times as large as told.
fn draw<B: DrawingBackend>(
    canvas: B,
    title: &str,
    lines: &[Line<'_>],
    unit: u64,
    scale: u32,
) -> Result<()> {
    let area = canvas.into_drawing_area();
    // An error of a backend does not outlive its picture.
    let failed = |error: DrawingAreaErrorKind<B::ErrorType>| anyhow!("cannot draw: {error}");
    area.fill(&WHITE).map_err(failed)?;
    let rarest = lines.iter().map(|line| line.histogram.len()).max().unwrap_or(1);
    let across = 1.0..(rarest as f64).max(10.0);
    let (left, legend) = area.split_horizontally(area.dim_in_pixel().0 - LEGEND * scale);
    let mut chart = ChartBuilder::on(&left)
        .caption(title, ("sans-serif", 24 * scale).into_font().color(&RGBColor(40, 40, 40)))
        .margin(20 * scale)
        .margin_right(10 * scale)
        .x_label_area_size(56 * scale)
        .y_label_area_size(86 * scale)
        .build_cartesian_2d(across.log_scale(), heights(lines, unit).log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("percentile")
        .y_desc("latency")
        .x_labels(12)
        .y_labels(12)
        .x_label_formatter(&|rarity| percentile(*rarity))
        .y_label_formatter(&|nanos| Spoken { nanos: *nanos as u64, unicode: true }.to_string())
        .label_style(("sans-serif", 15 * scale))
        .axis_desc_style(("sans-serif", 17 * scale))
        .bold_line_style(RGBColor(215, 215, 215).stroke_width(scale))
        .light_line_style(RGBColor(243, 243, 243).stroke_width(scale))
        .axis_style(RGBColor(120, 120, 120).stroke_width(scale))
        .set_all_tick_mark_size(5 * scale)
        .draw()
        .map_err(failed)?;
    let scale = scale as i32;
    for (place, line) in (0..).zip(lines) {
        let stroke = line.stroke(scale);
        let points = points(line.histogram, unit);
        let y = (70 + 26 * place) * scale;
        let mark = [(6 * scale, y), (38 * scale, y)];
        if line.is_dashed() {
            let (dash, gap) = (7 * scale, 4 * scale);
            chart.draw_series(DashedLineSeries::new(points, dash, gap, stroke)).map_err(failed)?;
            legend.draw(&DashedPathElement::new(mark, dash, gap, stroke)).map_err(failed)?;
        } else {
            chart.draw_series(LineSeries::new(points, stroke)).map_err(failed)?;
            legend.draw(&PathElement::new(mark, stroke)).map_err(failed)?;
        }
        let letters = ("sans-serif", 16 * scale).into_font();
        let name = Text::new(line.name.clone(), (46 * scale, y - 9 * scale), letters);
        legend.draw(&name).map_err(failed)?;
    }
    area.present().map_err(failed)
}

impl Line<'_> {
    /// Where the colours come round again.
    fn is_dashed(&self) -> bool {
        self.colour >= COLOURS.len()
    }

    fn stroke(&self, scale: i32) -> ShapeStyle {
        let colour = COLOURS[self.colour % COLOURS.len()];
        let width = scale as u32 * if self.thin { 1 } else { 2 };
        ShapeStyle::from(&colour).stroke_width(width)
    }
}

/// What the legend beside the chart takes of the picture's width.
const LEGEND: u32 = 230;

/// The decades that all lines lie in.
fn heights(lines: &[Line<'_>], unit: u64) -> Range<f64> {
    let ends = |line: &Line<'_>| [0, POINTS].map(|at| point(line.histogram, at, unit).1);
    let ends = || lines.iter().flat_map(ends);
    let (lowest, highest) = (ends().fold(f64::INFINITY, f64::min), ends().fold(1.0, f64::max));
    let low = 10_f64.powf(lowest.min(highest).log10().floor());
    let high = 10_f64.powf(highest.log10().ceil());
    low..high.max(low * 10.0)
}

/// Rarities (one in how many is slower) and values, from the fastest to the slowest.
fn points(of: &Histogram<u64>, unit: u64) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
    (0..=POINTS).map(move |at| point(of, at, unit))
}

fn point(of: &Histogram<u64>, at: u32, unit: u64) -> (f64, f64) {
    let rarity = (of.len().max(1) as f64).powf(f64::from(at) / f64::from(POINTS));
    let value = match at {
        // The slowest of all is at the end, and nothing is interpolated before it.
        POINTS => of.max(),
        // Like all others, the first is the highest of its bucket, not the lowest.
        _ => of.value_at_quantile((1.0 - 1.0 / rarity).max(f64::MIN_POSITIVE)).min(of.max()),
    };
    (rarity, value.saturating_mul(unit).max(1) as f64)
}

/// One in ten is slower than the 90th percentile, one in a thousand than the 99.9th.
fn percentile(rarity: f64) -> String {
    let nines = rarity.log10().round().max(0.0) as usize;
    match nines {
        0 => "0 %".to_string(),
        1 => "90 %".to_string(),
        2 => "99 %".to_string(),
        nines => format!("99.{} %", "9".repeat(nines - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Histogram<u64>, Histogram<u64>) {
        let (mut one, mut other) = (Histogram::new(3).unwrap(), Histogram::new(3).unwrap());
        for value in 1..20_000_u64 {
            one.record(100 + value * value / 1000).unwrap();
            other.record(300 + value * value * value / 5_000_000).unwrap();
        }
        (one, other)
    }

    fn lines<'a>(one: &'a Histogram<u64>, other: &'a Histogram<u64>) -> [Line<'a>; 2] {
        [
            Line { name: "decode".into(), histogram: one, colour: 0, thin: false },
            Line { name: "end <to> end".into(), histogram: other, colour: 1, thin: true },
        ]
    }

    #[test]
    fn percentiles_are_as_far_apart_as_they_are_rare() {
        let told = [1.0, 10.0, 100.0, 1000.0, 10_000.0].map(percentile);
        assert_eq!(told, ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }

    #[test]
    fn a_line_ends_with_the_slowest() {
        let (one, _) = two();
        let points: Vec<_> = points(&one, 1000).collect();
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        assert_eq!(points.last().unwrap(), &(19_999.0, one.max() as f64 * 1000.0));
        assert_eq!(points[0], (1.0, one.min() as f64 * 1000.0));
    }

    #[test]
    fn a_drawing_tells_lines_units_and_percentiles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        let (one, other) = two();
        write(&path, "latency by percentile", &lines(&one, &other), 1).unwrap();
        let text = fs::read_to_string(path).unwrap();
        for told in ["decode", "end &lt;to&gt; end", "99.99 %", "1 µs", "100 ns", "percentile"] {
            assert!(text.contains(told), "{told}: {text}");
        }
        for colour in ["#0072B2", "#D55E00"] {
            assert_eq!(text.matches(colour).count(), 2, "a line and its mark in the legend");
        }
    }

    #[test]
    fn a_picture_has_letters_without_fonts_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.PNG");
        let (one, other) = two();
        write(&path, "latency by percentile", &lines(&one, &other), 1).unwrap();
        let file = std::io::BufReader::new(fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let told = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((told.width, told.height), SIZE);
        let title = &pixels[..(SIZE.0 * 3 * 50) as usize];
        let dark = title.chunks_exact(3).filter(|pixel| pixel[0] < 100).count();
        assert!(dark > 300, "the title has letters: {dark} dark pixels");
    }

    #[test]
    fn nothing_and_everything_can_be_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let (mut least, mut most) =
            (Histogram::<u64>::new(1).unwrap(), Histogram::<u64>::new(1).unwrap());
        least.record(0).unwrap();
        most.record(u64::MAX).unwrap();
        for path in ["a.svg", "a.png"].map(|name| folder.path().join(name)) {
            write(&path, "", &lines(&least, &most), 1_000_000_000).unwrap();
            write(&path, "", &lines(&least, &least), 1).unwrap();
        }
        let wrong = write(Path::new("a.jpg"), "", &[], 1).unwrap_err();
        assert_eq!(wrong.to_string(), "a.jpg: a picture is .svg or .png");
    }
}

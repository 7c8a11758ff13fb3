//! Plots, as SVG that stands in a page and takes its colours from there.

use std::fmt::{self, Write as _};

use super::html::Escaped;
use super::spread::digits;
use super::text::size_text;
use super::{Spread, as_f64};

/// A way, and what it took.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) spread: Spread,
}

/// Bars from 0, one below the other, with whiskers. As wide as the page: places across are parts of that, so that what is
/// written keeps its size on a telephone.
pub(super) fn bars(page: &mut String, title: &str, shown: &[Bar]) {
    if shown.is_empty() {
        return;
    }
    let largest = shown.iter().map(|bar| bar.spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let across = |figure: f64| figure / largest * BAR_WIDTH_MAX;
    begin(page, "plot", title, BAR_HEIGHT * as_f64(shown.len() as u64));
    for (index, Bar { name, spread }) in shown.iter().enumerate() {
        let top = BAR_HEIGHT * as_f64(index as u64);
        let middle = top + NAME_HEIGHT + THICKNESS / 2.0;
        let _ = writeln!(
            page,
            "<text x=\"0\" y=\"{:.1}\">{}</text>\
             <rect class=\"bar\" x=\"0\" y=\"{:.1}\" width=\"{:.2}%\" height=\"{:.1}\" rx=\"2\"/>\
             <line class=\"whisker\" x1=\"{:.2}%\" x2=\"{:.2}%\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text class=\"soft\" x=\"{:.2}%\" dx=\"6\" y=\"{:.1}\">{}</text>",
            top + NAME_HEIGHT - 4.0,
            Escaped(name),
            top + NAME_HEIGHT,
            across(spread.median).max(0.2),
            THICKNESS,
            across(spread.min),
            across(spread.max),
            across(spread.max),
            middle + 4.0,
            digits(spread.median),
        );
    }
    page.push_str("</svg></figure>\n");
}

/// A way, and what it took by size. Small sizes come first, and no figure is 0.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(u64, f64)>,
}

/// Lines over sizes, both axes by powers, with a legend below. As wide as the page, too: the lines are stretched, and what
/// is written is not.
pub(super) fn lines(page: &mut String, title: &str, lines: &[Line]) {
    // Time may have been up after one size: a line from there to nowhere is none.
    let is_line = |line: &&Line| line.points.iter().filter(|(_, figure)| *figure > 0.0).count() >= 2;
    let shown: Vec<&Line> = lines.iter().filter(is_line).collect();
    let points = || shown.iter().flat_map(|line| line.points.iter().copied()).filter(|&(_, y)| y > 0.0);
    let mut sizes: Vec<u64> = points().map(|(size, _)| size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let powers: Vec<f64> = sizes.iter().map(|&size| power_of(size)).collect();
    let figures: Vec<f64> = points().map(|(_, figure)| figure.log10()).collect();
    let (Some(across), Some(up)) = (Axis::of(&powers, 0.0, 100.0), Axis::of(&figures, BOTTOM, TOP)) else {
        return;
    };
    begin(page, "plot framed", title, BOTTOM + 24.0);
    for power in whole_between(up.low, up.high) {
        for digit in [1.0, 2.0, 5.0] {
            let figure = digit * 10_f64.powf(power);
            let y = up.at(figure.log10());
            if (TOP - 1.0..=BOTTOM + 1.0).contains(&y) {
                let _ = writeln!(
                    page,
                    "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                     <text class=\"soft\" x=\"-6\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    y + 4.0,
                    tick(figure),
                );
            }
        }
    }
    // Beyond so many they would stand in each other's place where the page is narrow.
    for &size in sizes.iter().step_by(sizes.len().div_ceil(SIZE_COUNT_MAX)) {
        let _ = writeln!(
            page,
            "<text class=\"soft\" x=\"{:.2}%\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            across.at(power_of(size)),
            BOTTOM + 18.0,
            size_text(size).replace(' ', "").replace("iB", "")
        );
    }
    let _ = writeln!(
        page,
        "<svg width=\"100%\" height=\"{BOTTOM:.0}\" viewBox=\"0 0 100 {BOTTOM:.0}\" preserveAspectRatio=\"none\">"
    );
    for (index, line) in shown.iter().enumerate() {
        let path: Vec<String> = (line.points.iter().filter(|(_, figure)| *figure > 0.0))
            .map(|&(size, figure)| format!("{:.2},{:.1}", across.at(power_of(size)), up.at(figure.log10())))
            .collect();
        let _ = writeln!(page, "<polyline style=\"{}\" points=\"{}\"/>", Stroke(index), path.join(" "));
    }
    page.push_str("</svg></svg>\n<ul class=\"legend\">\n");
    for (index, line) in shown.iter().enumerate() {
        let _ = writeln!(
            page,
            "<li><svg width=\"28\" height=\"8\"><line style=\"{}\" x1=\"0\" x2=\"28\" y1=\"4\" y2=\"4\"/></svg> \
             {}</li>",
            Stroke(index),
            Escaped(&line.name)
        );
    }
    page.push_str("</ul></figure>\n");
}

/// A round figure, of which no zero at the end says anything: there is little room beside an axis.
pub(super) fn tick(figure: f64) -> String {
    let text = digits(figure);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How the line of this number is drawn.
struct Stroke(usize);

impl fmt::Display for Stroke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (color, dash) = (self.0 % COLOR_COUNT, DASHES[self.0 / COLOR_COUNT % DASHES.len()]);
        write!(f, "stroke: var(--c{color}); stroke-dasharray: {dash}")
    }
}

fn begin(page: &mut String, class: &str, title: &str, height: f64) {
    let _ = writeln!(
        page,
        "<figure><figcaption>{0}</figcaption><svg class=\"{class}\" height=\"{height:.0}\" role=\"img\" \
         aria-label=\"{0}\">",
        Escaped(title)
    );
}

fn power_of(size: u64) -> f64 {
    as_f64(size.max(1)).log2()
}

/// Figures on one axis, and where they are in the picture.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(figures: &[f64], from: f64, to: f64) -> Option<Self> {
        let low = figures.iter().copied().reduce(f64::min)?;
        let high = figures.iter().copied().reduce(f64::max)?;
        // One size alone is in the middle.
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
        Some(Self { low, high, from, to })
    }

    fn at(&self, figure: f64) -> f64 {
        self.from + (figure - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

/// The whole numbers from just below `low` up to `high`.
fn whole_between(low: f64, high: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(low.floor()), |power| Some(power + 1.0))
        .take_while(move |power| *power <= high)
}

/// Of the longest bar with its whisker, in hundredths of the page. What is left is for its figure, on a telephone, too.
const BAR_WIDTH_MAX: f64 = 80.0;

/// A name and its bar, in pixels.
const BAR_HEIGHT: f64 = 36.0;

const NAME_HEIGHT: f64 = 16.0;

/// Of the bar itself.
const THICKNESS: f64 = 14.0;

/// Where a plot of lines begins and ends, in pixels. Room on its left, for the figures, is left by the style.
const TOP: f64 = 12.0;
const BOTTOM: f64 = 280.0;

/// How many sizes are told along an axis.
const SIZE_COUNT_MAX: usize = 7;

/// As the page's style has them; beyond them lines are dashed.
const COLOR_COUNT: usize = 8;

const DASHES: [&str; 3] = ["none", "6 3", "2 3"];

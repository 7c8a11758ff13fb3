//! Plots, as SVG that stands in a page and takes its colours from there.

use std::fmt::Write as _;

use super::html::Escaped;
use super::spread::digits;
use super::text::size_text;
use super::{Spread, as_f64};

/// A way, and what it took.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) spread: Spread,
}

/// Bars from 0, one below the other, with whiskers.
pub(super) fn bars(page: &mut String, title: &str, shown: &[Bar]) {
    if shown.is_empty() {
        return;
    }
    let height = TITLE_HEIGHT + BAR_HEIGHT * as_f64(shown.len() as u64);
    let largest = shown.iter().map(|bar| bar.spread.max).fold(f64::MIN_POSITIVE, f64::max);
    // Room for the figure behind the longest bar.
    let scale = (WIDTH - NAME_WIDTH - FIGURE_WIDTH) / largest;
    begin(page, title, height);
    for (index, Bar { name, spread }) in shown.iter().enumerate() {
        let top = TITLE_HEIGHT + BAR_HEIGHT * as_f64(index as u64);
        let middle = top + BAR_HEIGHT / 2.0;
        let at = |figure: f64| NAME_WIDTH + figure * scale;
        let _ = writeln!(
            page,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{NAME_WIDTH}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>\
             <line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAME_WIDTH - 8.0,
            middle + 4.0,
            Escaped(name),
            top + 3.0,
            (spread.median * scale).max(1.0),
            BAR_HEIGHT - 6.0,
            at(spread.min),
            at(spread.max),
            at(spread.max) + 6.0,
            middle + 4.0,
            digits(spread.median),
        );
    }
    page.push_str("</svg>\n");
}

/// A way, and what it took by size. Small sizes come first, and no figure is 0.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(u64, f64)>,
}

/// Lines over sizes, both axes by powers, with a legend below.
pub(super) fn lines(page: &mut String, title: &str, shown: &[Line]) {
    let points = || shown.iter().flat_map(|line| line.points.iter().copied()).filter(|&(_, y)| y > 0.0);
    let sizes: Vec<f64> = points().map(|(size, _)| as_f64(size.max(1)).log2()).collect();
    let figures: Vec<f64> = points().map(|(_, figure)| figure.log10()).collect();
    let (Some(across), Some(up)) =
        (Axis::of(&sizes, LEFT, WIDTH - 12.0), Axis::of(&figures, BOTTOM, TITLE_HEIGHT))
    else {
        return;
    };
    let row_count = shown.len().div_ceil(LEGEND_COLUMNS);
    begin(page, title, BOTTOM + 30.0 + LEGEND_HEIGHT * as_f64(row_count as u64));
    for power in whole_between(up.low, up.high) {
        for digit in [1.0, 2.0, 5.0] {
            let figure = digit * 10_f64.powf(power);
            let y = up.at(figure.log10());
            if (TITLE_HEIGHT - 1.0..=BOTTOM + 1.0).contains(&y) {
                let _ = writeln!(
                    page,
                    "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                     <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    WIDTH - 12.0,
                    LEFT - 6.0,
                    y + 4.0,
                    digits(figure),
                );
            }
        }
    }
    let mut told: Vec<u64> = points().map(|(size, _)| size).collect();
    told.sort_unstable();
    told.dedup();
    for size in told {
        let x = across.at(as_f64(size.max(1)).log2());
        let _ = writeln!(
            page,
            "<text class=\"soft\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 18.0,
            size_text(size).replace(' ', "").replace("iB", "")
        );
    }
    for (index, line) in shown.iter().enumerate() {
        let style = format!(
            "stroke: var(--c{}); stroke-dasharray: {}",
            index % COLOR_COUNT,
            DASHES[index / COLOR_COUNT % DASHES.len()]
        );
        let path: Vec<String> = (line.points.iter().filter(|(_, figure)| *figure > 0.0))
            .map(|&(size, figure)| {
                format!("{:.1},{:.1}", across.at(as_f64(size.max(1)).log2()), up.at(figure.log10()))
            })
            .collect();
        let left =
            LEFT + (WIDTH - LEFT) / as_f64(LEGEND_COLUMNS as u64) * as_f64((index % LEGEND_COLUMNS) as u64);
        let top = BOTTOM + 40.0 + LEGEND_HEIGHT * as_f64((index / LEGEND_COLUMNS) as u64);
        let _ = writeln!(
            page,
            "<polyline class=\"line\" style=\"{style}\" points=\"{}\"/>\
             <line class=\"line\" style=\"{style}\" x1=\"{left:.1}\" x2=\"{:.1}\" y1=\"{top:.1}\" y2=\"{top:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            path.join(" "),
            left + 24.0,
            left + 30.0,
            top + 4.0,
            Escaped(&line.name),
        );
    }
    page.push_str("</svg>\n");
}

fn begin(page: &mut String, title: &str, height: f64) {
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{0}</title>\
         <text x=\"0\" y=\"14\" font-weight=\"600\">{0}</text>",
        Escaped(title)
    );
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

/// Of the picture; a page stretches it.
const WIDTH: f64 = 640.0;

const NAME_WIDTH: f64 = 200.0;

const FIGURE_WIDTH: f64 = 60.0;

const TITLE_HEIGHT: f64 = 28.0;

const BAR_HEIGHT: f64 = 22.0;

/// Where the axes of a plot of lines are.
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 300.0;

const LEGEND_HEIGHT: f64 = 18.0;

const LEGEND_COLUMNS: usize = 3;

/// As the page's style has them; beyond them lines are dashed.
const COLOR_COUNT: usize = 8;

const DASHES: [&str; 3] = ["none", "6 3", "2 3"];

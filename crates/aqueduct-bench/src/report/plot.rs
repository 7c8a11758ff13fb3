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
    // Room for the figure behind the longest bar. Names have a line of their own, however long they are.
    let scale = (WIDTH - FIGURE_WIDTH) / largest;
    begin(page, title, height);
    for (index, Bar { name, spread }) in shown.iter().enumerate() {
        let top = TITLE_HEIGHT + BAR_HEIGHT * as_f64(index as u64);
        let middle = top + NAME_HEIGHT + THICKNESS / 2.0;
        let _ = writeln!(
            page,
            "<text x=\"0\" y=\"{:.1}\">{}</text>\
             <rect class=\"bar\" x=\"0\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>\
             <line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            top + NAME_HEIGHT - 4.0,
            Escaped(name),
            top + NAME_HEIGHT,
            (spread.median * scale).max(1.0),
            THICKNESS,
            spread.min * scale,
            spread.max * scale,
            spread.max * scale + 6.0,
            middle + 4.0,
            digits(spread.median),
        );
    }
    page.push_str("</svg></div>\n");
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
    let longest = shown.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    let column_count = legend_columns(longest);
    let row_count = shown.len().div_ceil(column_count);
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
            LEFT + (WIDTH - LEFT) / as_f64(column_count as u64) * as_f64((index % column_count) as u64);
        let top = BOTTOM + 40.0 + LEGEND_HEIGHT * as_f64((index / column_count) as u64);
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
    page.push_str("</svg></div>\n");
}

/// So many that the longest name, of so many characters, has room.
pub(super) fn legend_columns(longest: usize) -> usize {
    let wide = LEGEND_STROKE_WIDTH + CHARACTER_WIDTH * as_f64(longest as u64);
    let fits = |count: &usize| wide * as_f64(*count as u64) <= WIDTH - LEFT;
    (1..=LEGEND_COLUMNS_MAX).rev().find(fits).unwrap_or(1)
}

fn begin(page: &mut String, title: &str, height: f64) {
    let _ = writeln!(
        page,
        "<div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{0}</title>\
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

const FIGURE_WIDTH: f64 = 76.0;

const TITLE_HEIGHT: f64 = 28.0;

/// A name and its bar.
const BAR_HEIGHT: f64 = 36.0;

const NAME_HEIGHT: f64 = 16.0;

/// Of the bar itself.
const THICKNESS: f64 = 14.0;

/// As wide as a character is at most on average, at 12 pixels.
const CHARACTER_WIDTH: f64 = 7.0;

/// Where the axes of a plot of lines are.
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 300.0;

const LEGEND_HEIGHT: f64 = 18.0;

const LEGEND_COLUMNS_MAX: usize = 3;

/// The stroke before a name, and the room around both.
const LEGEND_STROKE_WIDTH: f64 = 42.0;

/// As the page's style has them; beyond them lines are dashed.
const COLOR_COUNT: usize = 8;

const DASHES: [&str; 3] = ["none", "6 3", "2 3"];

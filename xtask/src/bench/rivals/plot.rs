//! A row as a picture: a bar a server, as long as the median, with a line from the smallest value to the largest.

use std::fmt::Write as _;

use super::table::{Column, Series, Table};
use crate::bench::figures::Spread;

/// The first column of all tables, as SVG. Each table has its own scale: what they ask for is not comparable.
pub(super) fn svg(title: &str, column: Column, tables: &[Table]) -> String {
    let bar_count: usize = tables.iter().map(|table| table.series.len()).sum();
    let height = TOP + tables.len() * (GROUP_HEAD + GROUP_GAP) + bar_count * BAR_STEP;
    let mut drawn = String::new();
    let mut y = TOP;
    for table in tables {
        drawn += &text(MARGIN, y + GROUP_HEAD - 7, "asked", &table.asked);
        y += GROUP_HEAD;
        let most = table.series.iter().map(|series| spread(series).max).fold(f64::MIN_POSITIVE, f64::max);
        for (index, series) in table.series.iter().enumerate() {
            drawn += &bar(y, series, column, most, index == 0);
            y += BAR_STEP;
        }
        y += GROUP_GAP;
    }
    let heading = text(MARGIN, 20, "title", &format!("{title}: {}", column.head));
    format!(
        "<svg xmlns=\"{NAMESPACE}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<style>{STYLE}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" class=\"paper\"/>\n\
         {heading}{drawn}</svg>\n"
    )
}

fn bar(y: usize, series: &Series, column: Column, most: f64, is_ours: bool) -> String {
    let spread = spread(series);
    let x = |value: f64| LEFT + value / most * SPAN;
    let class = if is_ours { "ours" } else { "other" };
    let middle = y + BAR / 2;
    let mut drawn = text(MARGIN, middle + 4, class, &series.name);
    let _ = writeln!(
        drawn,
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" class=\"{class}\"/>",
        x(spread.median) - LEFT
    );
    let _ =
        writeln!(drawn, "<path d=\"M{:.1} {middle}H{:.1}\" class=\"spread\"/>", x(spread.min), x(spread.max));
    let value = format!("{:.*}", column.places, spread.median);
    let _ = writeln!(drawn, "<text x=\"{:.1}\" y=\"{}\">{value}</text>", x(spread.max) + 6.0, middle + 4);
    drawn
}

fn spread(series: &Series) -> Spread {
    Spread::of(series.column(0))
}

fn text(x: usize, y: usize, class: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{words}</text>\n")
}

const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Readable on white and on black paper alike.
const STYLE: &str = ".paper{fill:#fff}text{fill:#222}.title,.asked,text.ours{font-weight:bold}rect.ours{fill:#0a6ebd}\
rect.other{fill:#b4bcc4}.spread{stroke:#222;stroke-width:1.5;fill:none}\
@media(prefers-color-scheme:dark){.paper{fill:#0d1117}text{fill:#e6edf3}rect.other{fill:#57606a}.spread{stroke:#e6edf3}}";

const WIDTH: usize = 720;
const MARGIN: usize = 10;
const TOP: usize = 34;
const GROUP_HEAD: usize = 24;
const GROUP_GAP: usize = 8;
const BAR: usize = 14;
const BAR_STEP: usize = 19;

/// Where bars begin.
const LEFT: f64 = 190.0;

/// Of the longest bar; behind it stands its value.
const SPAN: f64 = 450.0;

#[cfg(test)]
mod tests;

//! A page to show to somebody: one file, no script, nothing to load.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write as _};

use super::plot::{Bar, Line, bars, lines};
use super::spread::digits;
use super::text::{LOOPBACK, in_order, rounds, size_text};
use super::vintage::{self, ROWS};
use super::{Figure, Report};
use crate::arm::{Group, Temperature};

impl Report {
    /// A page with plots, readable on a telephone, in light and in dark.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>aqueduct bench: {}</title>\n<style>{STYLE}</style>\n\
             </head>\n<body>\n<main>\n",
            Escaped(&self.machine.kernel)
        );
        self.head(&mut page);
        self.table_of_2008(&mut page);
        for group in Group::ALL {
            for temperature in [Temperature::Hot, Temperature::Cold] {
                self.compared(&mut page, group, temperature);
                self.by_size_plot(&mut page, group, temperature);
            }
        }
        self.turning_points(&mut page);
        self.all_figures(&mut page);
        self.not_measured(&mut page);
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    fn head(&self, page: &mut String) {
        let machine = &self.machine;
        let _ = write!(
            page,
            "<h1>Ways of moving bytes</h1>\n<p>{}; {} at {}; {} of memory; congestion control {}.</p>\n\
             <p>{} in {:.0} s, the ways alternating. A figure is a median; a whisker reaches from the smallest \
             to the largest sample. {LOOPBACK}</p>\n",
            Escaped(&machine.to_string()),
            Escaped(&machine.filesystem),
            Escaped(&machine.dir),
            size_text(machine.memory),
            Escaped(&machine.congestion_control),
            rounds(self.round_count),
            self.took.as_secs_f64(),
        );
    }

    fn table_of_2008(&self, page: &mut String) {
        let columns = vintage::columns(self);
        if columns.is_empty() {
            return;
        }
        page.push_str(
            "<h2>The table of 2008</h2>\n<p>\"Efficient data transfer through zero copy\" compared reads and writes of \
             4 KB with sendfile. The same sizes on this machine, beside a buffer that is fair: milliseconds a file.</p>\n",
        );
        let heads = columns.iter().map(|column| column.title.clone());
        let of = |title: &str, cell: &dyn Fn(&vintage::Column<'_>) -> String| {
            [title.to_owned()].into_iter().chain(columns.iter().map(cell)).collect::<Vec<_>>()
        };
        let mut rows = vec![
            of("2008, read and write of 4 KB", &|column| column.copied_2008.to_string()),
            of("2008, transferTo", &|column| column.sent_2008.to_string()),
        ];
        rows.extend(ROWS.into_iter().enumerate().map(|(index, arm)| {
            of(&format!("here, {arm}"), &|column| {
                column.figures[index].map_or_else(String::new, |figure| digits(figure.wall.median * 1000.0))
            })
        }));
        table(page, "the table of 2008", [String::new()].into_iter().chain(heads), rows);
        // The largest that every row has.
        let largest = columns.iter().rev().find(|column| column.figures.iter().all(Option::is_some));
        if let Some(column) = largest {
            let wall = |(arm, figure): (&&str, &Option<&Figure>)| {
                figure.map(|figure| Bar { name: (*arm).to_owned(), spread: scaled(figure.wall, 1000.0) })
            };
            let shown: Vec<Bar> = ROWS.iter().zip(&column.figures).filter_map(wall).collect();
            bars(page, &format!("{} to a connection, milliseconds: less is better", column.title), &shown);
        }
    }

    fn compared(&self, page: &mut String, group: Group, temperature: Temperature) {
        let Some(size) = self.shared_size(group, temperature) else { return };
        let figures: Vec<&Figure> =
            self.of(group, temperature).filter(|figure| figure.size == size).collect();
        let _ = writeln!(
            page,
            "<h2>{}</h2>\n<p>{}, files of {}.</p>",
            group.title(),
            match temperature {
                Temperature::Hot => "From the page cache",
                Temperature::Cold => "From the disk",
            },
            size_text(size)
        );
        let of = |spread: &dyn Fn(&Figure) -> super::Spread| {
            let bar = |figure: &&Figure| Bar { name: figure.arm.clone(), spread: spread(figure) };
            figures.iter().map(bar).collect::<Vec<_>>()
        };
        bars(page, "Processor seconds a GiB: less is better", &of(&|figure| figure.cpu));
        bars(page, "GiB a second: more is better", &of(&|figure| figure.rate));
    }

    fn by_size_plot(&self, page: &mut String, group: Group, temperature: Temperature) {
        let figures: Vec<&Figure> =
            self.of(group, temperature).filter(|figure| !vintage::is_of_table(figure)).collect();
        let sizes: BTreeSet<u64> = figures.iter().map(|figure| figure.size).collect();
        if sizes.len() < 2 {
            return;
        }
        let line = |arm: &str| Line {
            name: arm.to_owned(),
            points: figures
                .iter()
                .filter(|figure| figure.arm == arm)
                .map(|figure| (figure.size, figure.cpu.median))
                .collect(),
        };
        let shown: Vec<Line> = in_order(&figures).into_iter().map(line).collect();
        lines(page, &format!("Processor seconds a GiB by size of one file, {temperature}"), &shown);
    }

    fn turning_points(&self, page: &mut String) {
        let found = self.crossovers();
        if found.is_empty() {
            return;
        }
        page.push_str("<h2>From which size on sendfile takes less processor time</h2>\n<ul>\n");
        for crossover in found {
            let _ = writeln!(
                page,
                "<li>{} before {}, {}: <b>{crossover}</b></li>",
                Escaped(crossover.rival),
                Escaped(crossover.baseline),
                crossover.temperature,
            );
        }
        page.push_str("</ul>\n");
    }

    fn all_figures(&self, page: &mut String) {
        page.push_str("<h2>All figures</h2>\n<details><summary>every way at every size</summary>\n");
        let heads = ["", "", "size", "GiB/s", "CPU s/GiB", "calls/GiB", "switches/GiB", "limited by"]
            .map(str::to_owned);
        let row = |figure: &Figure| {
            vec![
                format!("{}/{}", figure.group, figure.arm),
                figure.temperature.to_string(),
                size_text(figure.size),
                figure.rate.to_string(),
                figure.cpu.to_string(),
                figure.calls.map_or_else(String::new, |calls| digits(calls.median)),
                digits(figure.switches.median),
                figure.limit.to_string(),
            ]
        };
        table(page, "all figures", heads, self.figures.iter().map(row));
        page.push_str("</details>\n<h2>The ways</h2>\n<dl>\n");
        let mut told = BTreeSet::new();
        for figure in &self.figures {
            if told.insert((figure.group, &figure.arm)) {
                let name = format!("{}/{}", figure.group, figure.arm);
                let _ = writeln!(page, "<dt>{}</dt><dd>{}</dd>", Escaped(&name), Escaped(figure.about));
            }
        }
        page.push_str("</dl>\n");
    }

    fn not_measured(&self, page: &mut String) {
        if self.skipped.is_empty() {
            return;
        }
        page.push_str(
            "<h2>Not measured</h2>\n<details><summary>ways and sizes, with the reason</summary>\n<ul>\n",
        );
        for skipped in &self.skipped {
            let what = skipped.what.as_ref().map(|what| format!(", {what}")).unwrap_or_default();
            let _ = writeln!(
                page,
                "<li>{}{}: {}</li>",
                Escaped(&skipped.arm),
                Escaped(&what),
                Escaped(&skipped.reason)
            );
        }
        page.push_str("</ul>\n</details>\n");
    }
}

fn scaled(spread: super::Spread, factor: f64) -> super::Spread {
    let super::Spread { median, min, max, low, high } = spread;
    super::Spread {
        median: median * factor,
        min: min * factor,
        max: max * factor,
        low: low * factor,
        high: high * factor,
    }
}

fn table(
    page: &mut String,
    name: &str,
    heads: impl IntoIterator<Item = String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) {
    // Whoever has no mouse scrolls it from side to side by keyboard.
    let _ = write!(
        page,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table>\n<tr>",
        Escaped(name)
    );
    for head in heads {
        let _ = write!(page, "<th>{}</th>", Escaped(&head));
    }
    page.push_str("</tr>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{}</td>", Escaped(&cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
}

/// Text in which nothing is taken for markup.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --rule: #d5dae3; --paper: #ffffff; --bar: #2f6fde;
  --c0: #2f6fde; --c1: #d9480f; --c2: #2b8a3e; --c3: #9c36b5; --c4: #c2255c; --c5: #0b7285; --c6: #a66a00; --c7: #5f3dc4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --rule: #384152; --paper: #12161d;
  --bar: #6ea0ff; --c0: #6ea0ff; --c1: #ff8a5b; --c2: #69db7c; --c3: #da77f2; --c4: #f783ac; --c5: #3bc9db; --c6: #ffc078;
  --c7: #b197fc; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
figure { margin: 0.8rem 0 1.6rem; } figcaption { font-weight: 600; font-size: 0.9rem; margin-bottom: 0.4rem; }
svg { overflow: visible; } .plot { display: block; width: 100%; } .framed { width: calc(100% - 64px); margin-left: 48px; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
.grid { stroke: var(--rule); } .bar { fill: var(--bar); } .whisker { stroke: var(--ink); stroke-width: 1.5; }
polyline { fill: none; } polyline, .legend line { stroke-width: 2; vector-effect: non-scaling-stroke; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.1rem 1.2rem; margin: 0.4rem 0 0; padding: 0;
  font-size: 0.8rem; }
:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
dt { font-weight: 600; } dd { margin: 0 0 0.4rem 1rem; } summary { cursor: pointer; }
";

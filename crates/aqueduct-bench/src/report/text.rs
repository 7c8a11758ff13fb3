//! For a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::spread::digits;
use super::vintage::{self, ROWS};
use super::{Figure, Report, as_f64};
use crate::arm::{Group, Temperature};

impl Report {
    /// Tables of at most 100 columns, where the names are as short as they are.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.heading();
        for group in Group::ALL {
            for temperature in [Temperature::Hot, Temperature::Cold] {
                text.push_str(&self.at_one_size(group, temperature).unwrap_or_default());
                text.push_str(&self.by_size(group, temperature).unwrap_or_default());
            }
        }
        text.push_str(&self.table_2008().unwrap_or_default());
        text.push_str(&self.crossing().unwrap_or_default());
        if let Some(left_out) = self.left_out() {
            text.push('\n');
            text.push_str(&left_out);
        }
        text
    }

    fn heading(&self) -> String {
        let machine = &self.machine;
        format!(
            "{machine}\n{} at {}, {} memory, congestion control {}\n{} in {:.1} s: medians, with the smallest and the \
             largest\n{LOOPBACK}\n",
            machine.filesystem,
            machine.dir,
            size_text(machine.memory),
            machine.congestion_control,
            rounds(self.round_count),
            self.took.as_secs_f64(),
        )
    }

    fn at_one_size(&self, group: Group, temperature: Temperature) -> Option<String> {
        let size = self.shared_size(group, temperature)?;
        let mut table = Table::new(&["", "GiB/s", "CPU s/GiB", "calls/GiB", "switches/GiB", "limited by"]);
        for figure in self.of(group, temperature).filter(|figure| figure.size == size) {
            table.row(vec![
                figure.arm.clone(),
                figure.rate.to_string(),
                figure.cpu.to_string(),
                figure.calls.map_or_else(|| "-".to_owned(), |calls| digits(calls.median)),
                digits(figure.switches.median),
                figure.limit.to_string(),
            ]);
        }
        Some(format!("\n{}, {temperature}, {} each\n{table}", group.title(), size_text(size)))
    }

    /// Processor time by size, where there is more than one.
    fn by_size(&self, group: Group, temperature: Temperature) -> Option<String> {
        let figures: Vec<&Figure> =
            self.of(group, temperature).filter(|figure| !vintage::is_of_table(figure)).collect();
        let sizes: BTreeSet<u64> = figures.iter().map(|figure| figure.size).collect();
        if sizes.len() < 2 {
            return None;
        }
        let titles: Vec<String> = sizes.iter().map(|&size| size_text(size)).collect();
        let mut heads = vec![""];
        heads.extend(titles.iter().map(String::as_str));
        let mut table = Table::new(&heads);
        for arm in in_order(&figures) {
            let cell = |size: &u64| {
                let figure = figures.iter().find(|figure| figure.arm == arm && figure.size == *size);
                figure.map_or_else(|| "-".to_owned(), |figure| digits(figure.cpu.median))
            };
            table.row([arm.to_owned()].into_iter().chain(sizes.iter().map(cell)).collect());
        }
        Some(format!("\n  CPU seconds a GiB by size of one file, {temperature}\n{table}"))
    }

    fn table_2008(&self) -> Option<String> {
        let columns = vintage::columns(self);
        if columns.is_empty() {
            return None;
        }
        let mut heads = vec![""];
        heads.extend(columns.iter().map(|column| column.title.as_str()));
        let mut table = Table::new(&heads);
        let of = |title: &str, cell: &dyn Fn(&vintage::Column<'_>) -> String| {
            [title.to_owned()].into_iter().chain(columns.iter().map(cell)).collect()
        };
        table.row(of("2008, Java, read and write of 4 KB", &|column| column.copied_2008.to_string()));
        table.row(of("2008, Java, transferTo", &|column| column.sent_2008.to_string()));
        for (index, arm) in ROWS.into_iter().enumerate() {
            table.row(of(&format!("here, {arm}"), &|column| {
                column.figures[index]
                    .map_or_else(|| "-".to_owned(), |figure| digits(figure.wall.median * 1000.0))
            }));
        }
        Some(format!(
            "\nThe table of 2008 (\"Efficient data transfer through zero copy\"), milliseconds a file\n{table}"
        ))
    }

    fn crossing(&self) -> Option<String> {
        let crossovers = self.crossovers();
        if crossovers.is_empty() {
            return None;
        }
        let mut text = "\nFrom which size on it takes less processor time\n".to_owned();
        for found in crossovers {
            let _ =
                writeln!(text, "  {} before {}, {}: {found}", found.rival, found.baseline, found.temperature);
        }
        Some(text)
    }

    /// What was not measured, by reason; `None` if all was.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        if self.skipped.is_empty() {
            return None;
        }
        let mut by_reason = BTreeMap::<&str, Vec<String>>::new();
        for skipped in &self.skipped {
            by_reason.entry(&skipped.reason).or_default().push(skipped.name());
        }
        let mut text = "Skipped\n".to_owned();
        for (reason, names) in by_reason {
            let (first, rest) = names.split_at(names.len().min(NAMED_COUNT_MAX));
            let others = if rest.is_empty() { String::new() } else { format!(" and {} others", rest.len()) };
            let _ = writeln!(text, "  {}{others}: {reason}", first.join(", "));
        }
        Some(text)
    }
}

/// `1 round`, `3 rounds`.
pub(super) fn rounds(count: usize) -> String {
    if count == 1 { "1 round".to_owned() } else { format!("{count} rounds") }
}

/// The names of the arms, as they come.
pub(super) fn in_order<'a>(figures: &[&'a Figure]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for figure in figures {
        if !names.contains(&figure.arm.as_str()) {
            names.push(&figure.arm);
        }
    }
    names
}

/// `1.50 s`.
pub(crate) fn seconds_text(time: Duration) -> String {
    format!("{} s", digits(time.as_secs_f64()))
}

/// `64 KiB`, or `6.68 MiB`.
pub(crate) fn size_text(size: u64) -> String {
    let (shift, unit) = match size {
        0..0x400 => (0, "B"),
        0x400..0x10_0000 => (10, "KiB"),
        0x10_0000..0x4000_0000 => (20, "MiB"),
        _ => (30, "GiB"),
    };
    let whole = size >> shift;
    if whole << shift == size {
        return format!("{whole} {unit}");
    }
    format!("{} {unit}", digits(as_f64(size) / as_f64(1 << shift)))
}

/// Columns as wide as their widest cell; the first is flush left, and so is one of words.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|&head| head.to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.rows[0].len();
        let widths: Vec<usize> = (0..count)
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (column, cell) in row.iter().enumerate() {
                let is_left = column == 0 || (column + 1 == count && self.rows[0][column] == WORDS);
                let _ = if is_left {
                    write!(line, " {cell:<width$} ", width = widths[column])
                } else {
                    write!(line, " {cell:>width$} ", width = widths[column])
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// More of them do not help who reads; the JSON has them all.
const NAMED_COUNT_MAX: usize = 4;

/// The head of a column of words.
const WORDS: &str = "limited by";

/// What every reader must know.
pub(crate) const LOOPBACK: &str =
    "Over loopback, which flatters: nothing is lost, a segment has 64 KiB, and both ends share the caches.";

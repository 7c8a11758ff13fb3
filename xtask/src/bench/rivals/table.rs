//! What was measured in a row, and how it is told.

use crate::bench::figures::Spread;

/// What every measurement of a row is told in.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Behind the point.
    pub(super) places: usize,
    /// The head of the column that says how ours stands to the others; none where that is not asked.
    pub(super) ratio: Option<&'static str>,
}

/// What one server did in each round: a value a column.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) rounds: Vec<Vec<f64>>,
}

impl Series {
    pub(super) fn new(name: impl Into<String>, rounds: Vec<Vec<f64>>) -> Self {
        Self { name: name.into(), rounds }
    }

    pub(super) fn column(&self, index: usize) -> Vec<f64> {
        self.rounds.iter().map(|round| round[index]).collect()
    }
}

/// One question, asked of all.
#[derive(Clone)]
pub(super) struct Table {
    /// By which the goals find it.
    pub(super) key: String,
    pub(super) asked: String,
    /// Ours is the first.
    pub(super) series: Vec<Series>,
}

impl Table {
    fn ours(&self) -> &Series {
        self.series.first().expect("ours is measured in every row")
    }

    /// How ours stands to that of this name, round by round. None if that was not measured.
    pub(super) fn ratio(&self, name: &str, column: usize) -> Option<Spread> {
        let theirs = self.series.iter().find(|series| series.name == name)?;
        Some(Spread::of_ratios(&self.ours().column(column), &theirs.column(column)))
    }

    pub(super) fn spread(&self, column: usize) -> Spread {
        Spread::of(self.ours().column(column))
    }
}

/// In Markdown; the tables of a row have the same columns.
pub(super) fn markdown(columns: &[Column], tables: &[Table]) -> String {
    let ratios = || columns.iter().filter_map(|column| column.ratio);
    let heads: Vec<&str> =
        ["asked", "server"].into_iter().chain(columns.iter().map(|it| it.head)).chain(ratios()).collect();
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for table in tables {
        for (index, series) in table.series.iter().enumerate() {
            let mut cells = vec![table.asked.clone(), series.name.clone()];
            for (at, column) in columns.iter().enumerate() {
                cells.push(format!("{:.*}", column.places, Spread::of(series.column(at))));
            }
            for at in (0..columns.len()).filter(|&at| columns[at].ratio.is_some()) {
                let ratio = if index == 0 { None } else { table.ratio(&series.name, at) };
                cells.push(ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default());
            }
            text += &format!("| {} |\n", cells.join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests;

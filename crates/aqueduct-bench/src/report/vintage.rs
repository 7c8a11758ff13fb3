//! The table of 2008, for this machine.

use super::{Figure, Report};
use crate::arm::{Group, Temperature};
use crate::plan::VINTAGE_SIZES;
use crate::send::{COPY_4, COPY_64, COPY_256, SENDFILE};

/// The arms that the table has a row for: its own two, and between them the fair baseline.
pub(crate) const ROWS: [&str; 4] = [COPY_4, COPY_64, COPY_256, SENDFILE];

/// What "Efficient data transfer through zero copy" (2008) measured, in Java and in milliseconds: reads of 4 KB.
pub(crate) const COPIED_2008: [u32; 8] = [156, 337, 843, 1320, 2124, 3631, 13_498, 18_399];

/// The same article: transferTo, which is sendfile.
pub(crate) const SENT_2008: [u32; 8] = [45, 128, 387, 617, 1150, 1762, 4422, 8537];

/// One size.
pub(crate) struct Column<'a> {
    pub(crate) title: String,
    pub(crate) copied_2008: u32,
    pub(crate) sent_2008: u32,
    /// In the order of [`ROWS`].
    pub(crate) figures: [Option<&'a Figure>; 4],
}

/// The sizes for which anything was measured.
pub(crate) fn columns(report: &Report) -> Vec<Column<'_>> {
    let column = |index: usize| {
        let size = VINTAGE_SIZES[index];
        let figures = ROWS.map(|arm| report.figure(Group::Send, arm, Temperature::Hot, size));
        let title = match size {
            1_000_000_000 => "1 GB".to_owned(),
            _ => format!("{} MB", size / 1_000_000),
        };
        Column { title, copied_2008: COPIED_2008[index], sent_2008: SENT_2008[index], figures }
    };
    let columns = (0..VINTAGE_SIZES.len()).map(column);
    columns.filter(|column| column.figures.iter().any(Option::is_some)).collect()
}

/// Whether a figure belongs to the table alone.
pub(crate) fn is_of_table(figure: &Figure) -> bool {
    figure.group == Group::Send && VINTAGE_SIZES.contains(&figure.size)
}

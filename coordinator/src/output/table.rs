//! Tables without borders, cut to the terminal's width.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row};

/// Columns of the last column's contents that are worth showing.
const LAST_LEAST_COLUMNS: u16 = 12;

/// Blanks between columns.
const GAP_COLUMNS: u16 = 2;

/// A table that is being filled.
#[derive(Debug)]
pub struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// A table with these headings; one that begins with `>` is aligned to the right.
    pub fn new(headings: &[&str]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(NOTHING).set_truncation_indicator("…");
        inner.set_header(headings.iter().map(|heading| heading.trim_start_matches('>')));
        for (position, heading) in headings.iter().enumerate() {
            let last = position + 1 == headings.len();
            if let Some(column) = inner.column_mut(position) {
                column.set_padding((0, if last { 0 } else { GAP_COLUMNS }));
                if heading.starts_with('>') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        Self { inner }
    }

    /// Adds a row. Line ends in a cell become blanks: a row is a line.
    pub fn row<I: IntoIterator<Item = S>, S: AsRef<str>>(&mut self, cells: I) {
        let one_line = |cell: S| cell.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
        let mut row = Row::from(cells.into_iter().map(one_line));
        row.max_height(1);
        self.inner.add_row(row);
    }

    /// How wide it is with as little of its last column as is worth showing.
    fn least_columns(&self) -> u16 {
        let mut widths = self.inner.column_max_content_widths();
        let last = widths.pop().unwrap_or_default().min(LAST_LEAST_COLUMNS);
        widths.into_iter().map(|width| width.saturating_add(GAP_COLUMNS)).fold(last, u16::saturating_add)
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// The table as text, a line end after each line. Where there is a terminal its last column is cut to `width_columns`;
    /// the others hold what is copied and told apart by. Where there is no room for any of the last, the terminal wraps.
    pub fn render(&mut self, width_columns: Option<u16>) -> String {
        match width_columns.filter(|width| self.least_columns() <= *width) {
            Some(width) => {
                let last = self.inner.column_count().saturating_sub(1);
                for column in self.inner.column_iter_mut().take(last) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
                self.inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            }
            None => {
                self.inner.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        let mut text = String::new();
        for line in self.inner.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ROLE", ">DESIRED", "MISSING"]);
        table.row(["primary", "1", ""]);
        table.row(["worker", "1000", "worker-[0000-0009,0012-0015,0017,0019,0021,0023]"]);
        table
    }

    #[test]
    fn columns_are_aligned_and_nothing_is_cut_without_a_terminal() {
        let expected = "\
ROLE     DESIRED  MISSING
primary        1
worker      1000  worker-[0000-0009,0012-0015,0017,0019,0021,0023]
";
        assert_eq!(table().render(None), expected);
    }

    #[test]
    fn rows_are_cut_to_the_terminal_and_stay_one_line() {
        let text = table().render(Some(40));
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains('…') && text.contains("1000"), "{text}");
    }

    #[test]
    fn what_is_told_apart_by_is_never_cut() {
        assert_eq!(table().render(Some(20)), table().render(None));
    }
}

//! Columns beside each other.

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// At its left.
    Left,
    /// At its right, as numbers.
    Right,
}

/// Rows as lines, each column as wide as its widest text. The first row is the heading.
pub(crate) fn table(columns: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            let texts = rows.iter().filter_map(|row| row.get(column));
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(columns).zip(&widths);
        let cells: Vec<String> = cells
            .map(|((text, align), width)| match align {
                Align::Left => format!("{text:<width$}"),
                Align::Right => format!("{text:>width$}"),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = [
            vec!["cloud".to_owned(), "a month".to_owned()],
            vec!["São Paulo".to_owned(), "$9.00".to_owned()],
        ];
        assert_eq!(
            table(&[Align::Left, Align::Right], &rows),
            ["cloud      a month", "São Paulo    $9.00"]
        );
    }
}

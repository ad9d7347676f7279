//! Figures as they are told: median and range, with the ratio to a baseline that was measured in turns with it.

use std::fmt;

/// What was measured several times. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    sorted: Vec<f64>,
}

impl Series {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        assert!(!sorted.is_empty(), "a series has at least one figure");
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.sorted.len() / 2;
        if self.sorted.len() % 2 == 1 {
            self.sorted[middle]
        } else {
            f64::midpoint(self.sorted[middle - 1], self.sorted[middle])
        }
    }

    /// The smallest figure that at least `percent` of a hundred are not above.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted[rank - 1]
    }

    pub(crate) fn min(&self) -> f64 {
        self.sorted[0]
    }

    pub(crate) fn max(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }

    /// `median [min..max]`.
    pub(crate) fn tell(&self, decimals: usize) -> String {
        format!(
            "{:.decimals$} [{:.decimals$}..{:.decimals$}]",
            self.median(),
            self.min(),
            self.max()
        )
    }
}

/// One line of a section's table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) siteplane: String,
    pub(crate) baseline: String,
    pub(crate) ratio: String,
}

impl Row {
    /// Pairs that were measured in turns: Siteplane's figure first. The ratio is each pair's own.
    pub(crate) fn of_pairs(what: &str, decimals: usize, pairs: &[(f64, f64)]) -> Self {
        let ratio = Series::new(pairs.iter().map(|(siteplane, baseline)| siteplane / baseline));
        Self {
            what: what.to_owned(),
            siteplane: Series::new(pairs.iter().map(|pair| pair.0)).tell(decimals),
            baseline: Series::new(pairs.iter().map(|pair| pair.1)).tell(decimals),
            ratio: ratio.tell(2),
        }
    }
}

/// One question with its baseline.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// What Siteplane is compared with.
    pub(crate) baseline: String,
    /// How it was measured, in sentences.
    pub(crate) how: String,
    /// How many figures each series has.
    pub(crate) count: usize,
    pub(crate) rows: Vec<Row>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n", self.title)?;
        writeln!(
            f,
            "Baseline: {}. {} n = {}.\n",
            self.baseline, self.how, self.count
        )?;
        writeln!(f, "| | Siteplane | baseline | ratio |\n|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(
                f,
                "| {} | {} | {} | {} |",
                row.what, row.siteplane, row.baseline, row.ratio
            )?;
        }
        Ok(())
    }
}

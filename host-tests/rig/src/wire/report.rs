//! The score of a run: a table per class, and every case that is not right.

use std::collections::BTreeMap;
use std::fmt;

use super::judge::Verdict;

/// One case and its verdict.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: String,
    pub class: String,
    pub expected: String,
    pub note: String,
    /// Bytes at the upstream of a case that had to be refused.
    pub leaked: usize,
    pub verdict: Verdict,
    /// What the client got, in a few words.
    pub seen: String,
}

/// Everything a run found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub rows: Vec<Row>,
    /// Filter VMs that Envoy had to start again.
    pub reloads: u64,
    /// Cases that could not be run, and why.
    pub missing: usize,
    pub troubles: Vec<String>,
}

#[derive(Default)]
struct Score {
    cases: usize,
    bypasses: usize,
    false_blocks: usize,
    crashes: usize,
    altered: usize,
    wrong_form: usize,
    not_sent: usize,
    leaked: usize,
}

impl Score {
    fn add(&mut self, row: &Row) {
        self.cases += 1;
        self.leaked += row.leaked;
        *match row.verdict {
            Verdict::Right => return,
            Verdict::Bypass(_) => &mut self.bypasses,
            Verdict::FalseBlock(_) => &mut self.false_blocks,
            Verdict::Crash(_) => &mut self.crashes,
            Verdict::Altered(_) => &mut self.altered,
            Verdict::WrongForm(_) => &mut self.wrong_form,
            Verdict::NotSent(_) => &mut self.not_sent,
        } += 1;
    }
}

impl Report {
    /// Records a case.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Joins another run's findings.
    pub fn merge(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.reloads += other.reloads;
        self.missing += other.missing;
        self.troubles.extend(other.troubles);
    }

    /// True when every case that could be sent was treated right and no filter VM died.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let fine = |row: &Row| matches!(row.verdict, Verdict::Right | Verdict::NotSent(_));
        self.rows.iter().all(fine)
            && self.reloads == 0
            && self.missing == 0
            && self.troubles.is_empty()
    }

    /// Every case with its verdict and what the client got, one line each.
    #[must_use]
    pub fn lines(&self) -> String {
        let line = |row: &Row| {
            let verdict = format!("{:?}", row.verdict);
            let word = verdict.split('(').next().unwrap_or_default();
            format!("{:<10} {:<10} {} → {}\n", row.id, word, row.note, row.seen)
        };
        self.rows.iter().map(line).collect()
    }

    /// How many cases were really sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.rows
            .iter()
            .filter(|row| !matches!(row.verdict, Verdict::NotSent(_)))
            .count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut classes: BTreeMap<&str, Score> = BTreeMap::new();
        let mut total = Score::default();
        for row in &self.rows {
            classes.entry(&row.class).or_default().add(row);
            total.add(row);
        }
        writeln!(
            out,
            "{:<24} {:>5} {:>8} {:>11} {:>7} {:>7} {:>10} {:>8} {:>14}",
            "class",
            "cases",
            "bypasses",
            "false block",
            "crashes",
            "altered",
            "wrong form",
            "not sent",
            "upstream bytes"
        )?;
        for (class, score) in classes.into_iter().chain([("total", total)]) {
            writeln!(
                out,
                "{class:<24} {:>5} {:>8} {:>11} {:>7} {:>7} {:>10} {:>8} {:>14}",
                score.cases,
                score.bypasses,
                score.false_blocks,
                score.crashes,
                score.altered,
                score.wrong_form,
                score.not_sent,
                score.leaked
            )?;
        }
        writeln!(out, "filter VMs started again: {}", self.reloads)?;
        if self.missing > 0 {
            writeln!(out, "not run: {} cases", self.missing)?;
        }
        for trouble in &self.troubles {
            writeln!(out, "TROUBLE {trouble}")?;
        }
        for row in &self.rows {
            let (kind, what) = match &row.verdict {
                Verdict::Right | Verdict::NotSent(_) => continue,
                Verdict::Bypass(what) => ("BYPASS", what),
                Verdict::FalseBlock(what) => ("FALSE BLOCK", what),
                Verdict::Crash(what) => ("CRASH", what),
                Verdict::Altered(what) => ("ALTERED", what),
                Verdict::WrongForm(what) => ("WRONG FORM", what),
            };
            writeln!(
                out,
                "{kind} {} ({}): {}\n    expected {}\n    seen     {what}",
                row.id, row.class, row.note, row.expected
            )?;
        }
        Ok(())
    }
}

//! Envoy's stats, as far as a module can write them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::abi::Status;

/// The stats of one Envoy process. Clones are handles on the same stats: workers add to common counters.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Values>>);

#[derive(Debug, Default)]
struct Values {
    counters: BTreeMap<String, u64>,
    gauges: BTreeMap<String, u64>,
    histograms: BTreeMap<String, Vec<u64>>,
}

/// What kind of stat a metric id names. Envoy puts the kind into the two low bits of the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Metrics {
    /// A counter's value; `None` when it was never defined.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.lock().counters.get(name).copied()
    }

    /// A gauge's value; `None` when it was never defined.
    pub fn gauge(&self, name: &str) -> Option<u64> {
        self.lock().gauges.get(name).copied()
    }

    /// Everything recorded in a histogram, in order; `None` when it was never defined.
    pub fn histogram(&self, name: &str) -> Option<Vec<u64>> {
        self.lock().histograms.get(name).cloned()
    }

    /// All counters.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.lock().counters.clone()
    }

    /// All gauges.
    pub fn gauges(&self) -> BTreeMap<String, u64> {
        self.lock().gauges.clone()
    }

    /// Number of stats defined: what "bounded cardinality" is measured with.
    pub fn len(&self) -> usize {
        let v = self.lock();
        v.counters.len() + v.gauges.len() + v.histograms.len()
    }

    /// True when nothing was defined.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metric ids of one VM, pointing into the process's stats.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub stats: Metrics,
    ids: Vec<(Kind, String)>,
}

impl Registry {
    pub fn new(stats: Metrics) -> Self {
        Self {
            stats,
            ids: Vec::new(),
        }
    }

    /// Defines a stat. A name may be defined again: the new id points to the same value.
    pub fn define(&mut self, kind: u32, name: String) -> Result<u32, Status> {
        let kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Histogram,
            _ => return Err(Status::BadArgument),
        };
        let mut values = self.stats.lock();
        match kind {
            Kind::Counter => drop(values.counters.entry(name.clone()).or_default()),
            Kind::Gauge => drop(values.gauges.entry(name.clone()).or_default()),
            Kind::Histogram => {
                values.histograms.entry(name.clone()).or_default();
            }
        }
        drop(values);
        let index = u32::try_from(self.ids.len()).map_err(|_| Status::InternalFailure)?;
        self.ids.push((kind, name));
        Ok((index << 2) | kind as u32)
    }

    /// `increment`: counters only grow, histograms cannot be incremented.
    pub fn increment(&self, id: u32, offset: i64) -> Result<(), Status> {
        let (kind, name) = self.find(id)?;
        let mut values = self.stats.lock();
        let by = offset.unsigned_abs();
        match kind {
            Kind::Counter if offset > 0 => bump(&mut values.counters, name, by),
            Kind::Gauge if offset > 0 => bump(&mut values.gauges, name, by),
            Kind::Gauge => {
                if let Some(v) = values.gauges.get_mut(name) {
                    *v = v.wrapping_sub(by);
                }
            }
            Kind::Counter | Kind::Histogram => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// `record`: adds to a counter, sets a gauge, appends to a histogram.
    pub fn record(&self, id: u32, value: u64) -> Result<(), Status> {
        let (kind, name) = self.find(id)?;
        let mut values = self.stats.lock();
        match kind {
            Kind::Counter => bump(&mut values.counters, name, value),
            Kind::Gauge => drop(values.gauges.insert(name.clone(), value)),
            Kind::Histogram => values
                .histograms
                .entry(name.clone())
                .or_default()
                .push(value),
        }
        Ok(())
    }

    /// `get`: a histogram has no single value.
    pub fn get(&self, id: u32) -> Result<u64, Status> {
        let (kind, name) = self.find(id)?;
        let values = self.stats.lock();
        let value = match kind {
            Kind::Counter => values.counters.get(name),
            Kind::Gauge => values.gauges.get(name),
            Kind::Histogram => return Err(Status::BadArgument),
        };
        value.copied().ok_or(Status::NotFound)
    }

    fn find(&self, id: u32) -> Result<(Kind, &String), Status> {
        let index = usize::try_from(id >> 2).map_err(|_| Status::NotFound)?;
        match self.ids.get(index) {
            Some((kind, name)) if *kind as u32 == id & 3 => Ok((*kind, name)),
            _ => Err(Status::NotFound),
        }
    }
}

fn bump(map: &mut BTreeMap<String, u64>, name: &str, by: u64) {
    if let Some(v) = map.get_mut(name) {
        *v = v.wrapping_add(by);
    }
}

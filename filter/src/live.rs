//! Which configuration of a filter is the live one in this VM.
//!
//! A host puts a new configuration beside the old one, whose streams go on under it. A call that waits for a person must
//! not: it is decided anew under the configuration that came after it. Filters are told apart by their `name` and
//! `root_id` in the host's configuration: two listeners whose documents differ need names that differ.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::host;
use crate::plugin::Plugin;

thread_local! {
    static GATES: RefCell<Vec<(Filter, u64, Weak<Plugin>)>> = const { RefCell::new(Vec::new()) };
    static EPOCH: Cell<u64> = const { Cell::new(0) };
}

/// What the host calls a filter: the same for all of its configurations.
type Filter = Vec<u8>;

/// How many configurations this VM has taken.
pub fn epoch() -> u64 {
    EPOCH.get()
}

/// A configuration is live.
pub fn announce(plugin: &Rc<Plugin>) {
    let epoch = EPOCH.get().saturating_add(1);
    EPOCH.set(epoch);
    let name = |property| host::property(property).unwrap_or_default();
    let filter = [name("plugin_name"), vec![0], name("plugin_root_id")].concat();
    GATES.with(|gates| {
        if let Ok(mut gates) = gates.try_borrow_mut() {
            gates.retain(|(_, _, plugin)| plugin.strong_count() > 0);
            gates.push((filter, epoch, Rc::downgrade(plugin)));
        }
    });
}

/// The newest configuration of the filter that `plugin` configures, if it came after `epoch`.
pub fn newer(plugin: &Rc<Plugin>, epoch: u64) -> Option<Rc<Plugin>> {
    if epoch == EPOCH.get() {
        return None;
    }
    GATES.with(|gates| {
        let gates = gates.try_borrow().ok()?;
        let is = |weak: &Weak<Plugin>| std::ptr::eq(weak.as_ptr(), Rc::as_ptr(plugin));
        let (filter, _, _) = gates.iter().find(|(_, _, weak)| is(weak))?;
        let later = gates.iter().rfind(|(other, came, weak)| {
            other == filter && *came > epoch && weak.strong_count() > 0
        });
        later?.2.upgrade()
    })
}

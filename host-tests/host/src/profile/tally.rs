//! The counts: a tree of calls, each node a function as it is reached from its caller.

use std::collections::HashMap;

use super::instrument::{ENTER_COST, LEAVE_COST};

/// What one function cost, wherever it was called from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name in the module, without the compiler's hash.
    pub name: String,
    /// How often it was called.
    pub calls: u64,
    /// What it executed itself.
    pub own: u64,
    /// With what it called; a function that calls itself counts once.
    pub total: u64,
}

/// What the end of one chain of calls executed itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The functions, the outermost first.
    pub functions: Vec<String>,
    /// What the last of them executed itself.
    pub own: u64,
}

#[derive(Debug)]
struct Node {
    function: u32,
    parent: usize,
    children: HashMap<u32, usize>,
    calls: u64,
    own: u64,
}

#[derive(Debug)]
pub(super) struct Tally {
    names: Vec<String>,
    /// The first stands for the host.
    nodes: Vec<Node>,
    at: usize,
    /// What was left of the fuel when the present function began or went on.
    left: u64,
}

const HOST: usize = 0;

impl Tally {
    pub fn new(names: Vec<String>) -> Self {
        let mut tally = Self {
            names,
            nodes: Vec::new(),
            at: HOST,
            left: 0,
        };
        tally.reset();
        tally
    }

    pub fn reset(&mut self) {
        self.nodes = vec![Node {
            function: u32::MAX,
            parent: HOST,
            children: HashMap::new(),
            calls: 0,
            own: 0,
        }];
        self.at = HOST;
    }

    /// A function begins. What was spent since the last event is its caller's.
    pub fn enter(&mut self, function: u32, left: u64) {
        self.book(left, ENTER_COST);
        let next = self.nodes.len();
        let (mut child, parent) = (next, self.at);
        if let Some(node) = self.nodes.get_mut(parent) {
            child = *node.children.entry(function).or_insert(next);
        }
        if child == next {
            self.nodes.push(Node {
                function,
                parent,
                children: HashMap::new(),
                calls: 0,
                own: 0,
            });
        }
        if let Some(node) = self.nodes.get_mut(child) {
            node.calls += 1;
            // An export called by the host: nobody else's are the instructions of entering it.
            if parent == HOST {
                node.own += 1;
            }
        }
        self.at = child;
    }

    /// The present function ends.
    pub fn leave(&mut self, left: u64) {
        self.book(left, LEAVE_COST);
        self.at = self.nodes.get(self.at).map_or(HOST, |node| node.parent);
    }

    fn book(&mut self, left: u64, telling: u64) {
        let spent = self.left.saturating_sub(left).saturating_sub(telling);
        self.left = left;
        if self.at != HOST
            && let Some(node) = self.nodes.get_mut(self.at)
        {
            node.own += spent;
        }
    }

    pub fn total(&self) -> u64 {
        self.nodes.iter().map(|node| node.own).sum()
    }

    pub fn functions(&self) -> Vec<Function> {
        let mut by_function: HashMap<u32, Function> = HashMap::new();
        let totals = self.totals();
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            let function = by_function
                .entry(node.function)
                .or_insert_with(|| Function {
                    name: self.name(node.function),
                    calls: 0,
                    own: 0,
                    total: 0,
                });
            function.calls += node.calls;
            function.own += node.own;
            if !self.is_within_itself(index) {
                function.total += totals.get(index).copied().unwrap_or(0);
            }
        }
        let mut functions: Vec<Function> = by_function.into_values().collect();
        functions.sort_unstable_by(|a, b| b.own.cmp(&a.own).then_with(|| a.name.cmp(&b.name)));
        functions
    }

    pub fn paths(&self) -> Vec<Path> {
        let ran = self.nodes.iter().enumerate().skip(1);
        ran.filter(|(_, node)| node.own > 0)
            .map(|(index, node)| {
                let mut functions: Vec<String> = self
                    .ancestors(index)
                    .map(|node| self.name(node.function))
                    .collect();
                functions.reverse();
                Path {
                    functions,
                    own: node.own,
                }
            })
            .collect()
    }

    /// Each node's own count with all below it. Children stand behind their parents.
    fn totals(&self) -> Vec<u64> {
        let mut totals: Vec<u64> = self.nodes.iter().map(|node| node.own).collect();
        for (index, node) in self.nodes.iter().enumerate().skip(1).rev() {
            let below = totals.get(index).copied().unwrap_or(0);
            if let Some(total) = totals.get_mut(node.parent) {
                *total += below;
            }
        }
        totals
    }

    fn is_within_itself(&self, index: usize) -> bool {
        let mut chain = self.ancestors(index);
        let function = chain.next().map(|node| node.function);
        chain.any(|node| Some(node.function) == function)
    }

    /// The node and its callers, the outermost last, without the host.
    fn ancestors(&self, index: usize) -> impl Iterator<Item = &Node> {
        let mut at = index;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at).filter(|_| at != HOST)?;
            at = node.parent;
            Some(node)
        })
    }

    fn name(&self, function: u32) -> String {
        let name = self.names.get(function as usize);
        name.cloned().unwrap_or_default()
    }
}

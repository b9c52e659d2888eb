//! A sorted map whose clones share what did not change since: readers hold one state while the next one is made.
//!
//! Sorted runs of at most `RUN_MAX` entries, each behind an `Arc`. A clone copies a pointer a run, a change copies the
//! one run that it falls into where somebody else holds it as well. Invariants: keys grow from run to run, and no run is
//! empty. Names follow `BTreeMap`.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Most entries of a run: few enough to copy for one change, enough to keep the list of runs short.
const RUN_MAX: usize = 64;

type Run<K, V> = Arc<Vec<(K, V)>>;
type Pairs<'a, K, V> = std::iter::Map<std::slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>;
/// An iterator over a map's entries, in order of keys.
pub type Iter<'a, K, V> =
    std::iter::FlatMap<std::slice::Iter<'a, Run<K, V>>, Pairs<'a, K, V>, fn(&'a Run<K, V>) -> Pairs<'a, K, V>>;

/// The map.
pub struct SharedMap<K, V> {
    runs: Vec<Run<K, V>>,
    len: usize,
}

/// A sorted set of the same kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSet<T>(SharedMap<T, ()>);

fn pair<K, V>((key, value): &(K, V)) -> (&K, &V) {
    (key, value)
}
fn pairs<K, V>(run: &Run<K, V>) -> Pairs<'_, K, V> {
    run.iter().map(pair)
}

impl<K, V> SharedMap<K, V> {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// All entries, in order of keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        self.runs.iter().flat_map(pairs)
    }
    /// All keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
    /// All values, in order of keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SharedMap<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }
    /// The entry of a key.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let run = self.runs.get(self.run_of(key))?;
        let at = run.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        run.get(at).map(pair)
    }
    /// Is the key there?
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).is_some()
    }
    /// The entries from a key on, itself included.
    pub fn range_from<'a, Q: Ord + ?Sized>(&'a self, key: &Q) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let first = self.run_of(key);
        let before = self
            .runs
            .get(first)
            .map_or(0, |run| run.partition_point(|(known, _)| known.borrow() < key));
        let runs = self.runs.get(first..).unwrap_or_default();
        runs.iter().flat_map(pairs).skip(before)
    }

    /// The keys that only one of the two holds, or with different values, in order. What they share is not looked at.
    pub fn changed_keys<'a>(&'a self, other: &'a Self) -> Vec<&'a K>
    where
        V: PartialEq,
    {
        let mut changed = Vec::new();
        // Where each side stands: the run, and the entry within it.
        let (mut ours, mut theirs) = ((0, 0), (0, 0));
        loop {
            if let (Some(one), Some(two)) = (self.runs.get(ours.0), other.runs.get(theirs.0))
                && (ours.1, theirs.1) == (0, 0)
                && Arc::ptr_eq(one, two)
            {
                (ours.0, theirs.0) = (ours.0 + 1, theirs.0 + 1);
                continue;
            }
            let order = match (self.entry_at(ours), other.entry_at(theirs)) {
                (None, None) => return changed,
                (Some((key, _)), None) => (key, Ordering::Less),
                (None, Some((key, _))) => (key, Ordering::Greater),
                (Some((key, value)), Some((other_key, other_value))) => match key.cmp(other_key) {
                    Ordering::Equal if value == other_value => {
                        (ours, theirs) = (self.step(ours), other.step(theirs));
                        continue;
                    }
                    Ordering::Greater => (other_key, Ordering::Greater),
                    order => (key, order),
                },
            };
            changed.push(order.0);
            if order.1 != Ordering::Greater {
                ours = self.step(ours);
            }
            if order.1 != Ordering::Less {
                theirs = other.step(theirs);
            }
        }
    }

    fn entry_at(&self, (run, entry): (usize, usize)) -> Option<&(K, V)> {
        self.runs.get(run)?.get(entry)
    }
    fn step(&self, (run, entry): (usize, usize)) -> (usize, usize) {
        let more = self.runs.get(run).is_some_and(|run| entry + 1 < run.len());
        if more { (run, entry + 1) } else { (run + 1, 0) }
    }

    /// The run that holds a key, if any does: the first one that does not end before it.
    fn run_of<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.runs
            .partition_point(|run| run.last().is_some_and(|(last, _)| last.borrow() < key))
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Sets the value of a key; the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        // A key beyond all goes into the last run.
        let at = self.run_of(&key).min(self.runs.len().saturating_sub(1));
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.push(Arc::new(vec![(key, value)]));
            self.len = 1;
            return None;
        };
        let run = Arc::make_mut(run);
        match run.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(place) => run.get_mut(place).map(|(_, old)| std::mem::replace(old, value)),
            Err(place) => {
                run.insert(place, (key, value));
                self.len += 1;
                if run.len() > RUN_MAX {
                    let rest = run.split_off(RUN_MAX / 2);
                    self.runs.insert(at + 1, Arc::new(rest));
                }
                None
            }
        }
    }
    /// Sets many keys in one pass over the runs that they fall into; of a key that comes twice the last value stands.
    pub fn extend(&mut self, mut entries: Vec<(K, V)>) {
        entries.sort_by(|(one, _), (two, _)| one.cmp(two));
        let mut entries = entries.into_iter().peekable();
        while let Some((first, _)) = entries.peek() {
            let at = self.run_of(first).min(self.runs.len().saturating_sub(1));
            // What lies between two runs goes into the first of them, so that a run is opened once.
            let end = self.runs.get(at + 1).and_then(|next| next.first());
            let end = end.map(|(key, _)| key.clone());
            let here = std::iter::from_fn(|| entries.next_if(|(key, _)| end.as_ref().is_none_or(|end| key < end)));
            let old = if at < self.runs.len() {
                Arc::unwrap_or_clone(self.runs.remove(at))
            } else {
                Vec::new()
            };
            self.len -= old.len();
            let merged = merge(old, here);
            self.len += merged.len();
            self.runs.splice(at..at, cut(merged));
        }
    }
    /// Takes a key out; the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.run_of(key);
        let shared = self.runs.get_mut(at)?;
        let place = shared.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        let run = Arc::make_mut(shared);
        let (_, value) = run.remove(place);
        let left = run.len();
        self.len -= 1;
        let next = self.runs.get(at + 1).map(|run| run.len());
        if left == 0 {
            self.runs.remove(at);
        } else if next.is_some_and(|next| left + next <= RUN_MAX / 2) {
            let next = self.runs.remove(at + 1);
            if let Some(run) = self.runs.get_mut(at) {
                Arc::make_mut(run).extend(next.iter().cloned());
            }
        }
        Some(value)
    }
    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.run_of(key);
        let shared = self.runs.get_mut(at)?;
        let place = shared.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        Arc::make_mut(shared).get_mut(place).map(|(_, value)| value)
    }
    /// Takes everything out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Two sorted lists as one; of a key that comes again the later value stands.
fn merge<K: Ord, V>(old: Vec<(K, V)>, new: impl Iterator<Item = (K, V)>) -> Vec<(K, V)> {
    let mut merged: Vec<(K, V)> = Vec::with_capacity(old.len() + new.size_hint().0);
    let mut push = |entry: (K, V)| match merged.last_mut().filter(|last| last.0 == entry.0) {
        Some(last) => *last = entry,
        None => merged.push(entry),
    };
    let mut old = old.into_iter().peekable();
    for entry in new {
        while let Some(before) = old.next_if(|(key, _)| *key <= entry.0) {
            push(before);
        }
        push(entry);
    }
    old.for_each(push);
    merged
}

/// Runs with room to grow.
fn cut<K, V>(entries: Vec<(K, V)>) -> Vec<Arc<Vec<(K, V)>>> {
    if entries.len() <= RUN_MAX {
        return vec![Arc::new(entries)];
    }
    let mut runs = Vec::with_capacity(entries.len() / (RUN_MAX / 2) + 1);
    let mut entries = entries.into_iter();
    loop {
        let run: Vec<(K, V)> = entries.by_ref().take(RUN_MAX * 3 / 4).collect();
        if run.is_empty() {
            return runs;
        }
        runs.push(Arc::new(run));
    }
}

impl<T: Ord + Clone> SharedSet<T> {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Is it there?
    pub fn contains(&self, item: &T) -> bool {
        self.0.contains_key(item)
    }
    /// All, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.keys()
    }
    /// Those after one that may be there or not; all without one.
    pub fn after<'a, Q: Ord + ?Sized>(&'a self, item: Option<&'a Q>) -> impl Iterator<Item = &'a T> + use<'a, T, Q>
    where
        T: Borrow<Q>,
    {
        let start = item.map_or(0, |item| self.0.run_of(item));
        let runs = self.0.runs.get(start..).unwrap_or_default();
        let items = runs.iter().flat_map(pairs).map(|(item, ())| item);
        items.skip_while(move |known| item.is_some_and(|item| (*known).borrow() <= item))
    }
    /// Puts many in.
    pub fn extend(&mut self, items: impl Iterator<Item = T>) {
        self.0.extend(items.map(|item| (item, ())).collect());
    }
    /// Puts one in.
    pub fn insert(&mut self, item: T) {
        self.0.insert(item, ());
    }
    /// Takes one out.
    pub fn remove(&mut self, item: &T) {
        self.0.remove(item);
    }
    /// Takes the first one out.
    pub fn pop_first(&mut self) -> Option<T> {
        let first = self.iter().next()?.clone();
        self.remove(&first);
        Some(first)
    }
}

impl<T: Ord + Clone> FromIterator<T> for SharedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut set = Self::default();
        set.extend(items.into_iter());
        set
    }
}
impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            runs: self.runs.clone(),
            len: self.len,
        }
    }
}
impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            runs: Vec::new(),
            len: 0,
        }
    }
}
impl<T> Default for SharedSet<T> {
    fn default() -> Self {
        Self(SharedMap::default())
    }
}
impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
impl<K: PartialEq, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}
impl<K: Eq, V: Eq> Eq for SharedMap<K, V> {}
/// As for `BTreeMap`: for tests, where a missing key is a failure.
impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> std::ops::Index<&Q> for SharedMap<K, V> {
    type Output = V;
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the key is there")
    }
}
impl<'a, K, V> IntoIterator for &'a SharedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn check(map: &SharedMap<u16, u32>, truth: &BTreeMap<u16, u32>) {
        assert!(map.iter().eq(truth.iter()));
        assert!(map.iter().rev().eq(truth.iter().rev()));
        assert_eq!((map.len(), map.is_empty()), (truth.len(), truth.is_empty()));
        assert!(map.runs.iter().all(|run| (1..=RUN_MAX).contains(&run.len())));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever happens to it, it holds what a `BTreeMap` would, and a clone keeps what it held.
        #[test]
        fn it_is_a_map_and_clones_stay(
            steps in proptest::collection::vec((0_u16..600, any::<u32>(), 0_u8..6), 1..1500),
            hold in 0_usize..1500,
        ) {
            let (mut map, mut truth) = (SharedMap::default(), BTreeMap::new());
            let mut held = None;
            for (number, (key, value, kind)) in steps.into_iter().enumerate() {
                if number == hold {
                    held = Some((map.clone(), truth.clone()));
                }
                match kind {
                    0 | 1 => prop_assert_eq!(map.insert(key, value), truth.insert(key, value)),
                    2 => prop_assert_eq!(map.remove(&key), truth.remove(&key)),
                    3 => {
                        if let (Some(one), Some(other)) = (map.get_mut(&key), truth.get_mut(&key)) {
                            *one ^= value;
                            *other ^= value;
                        }
                    }
                    4 => {
                        // Across runs and gaps, unsorted, some keys twice.
                        let many = (0..value % 200).map(|n| ((key + u16::try_from(n * 7 % 90).unwrap()) % 600, value ^ n));
                        map.extend(many.clone().collect());
                        truth.extend(many);
                    }
                    _ => {
                        // Many at once, so that runs shrink, join and go.
                        for key in key..key.saturating_add(u16::try_from(value % 50).unwrap()) {
                            prop_assert_eq!(map.remove(&key), truth.remove(&key));
                        }
                    }
                }
                prop_assert_eq!(map.get(&key), truth.get(&key));
                prop_assert!(map.range_from(&key).eq(truth.range(key..)));
            }
            check(&map, &truth);
            if let Some((before, truth_before)) = held {
                check(&before, &truth_before);
                let keys: std::collections::BTreeSet<u16> = truth.keys().chain(truth_before.keys()).copied().collect();
                let differ = keys.iter().filter(|key| truth.get(key) != truth_before.get(key));
                prop_assert!(map.changed_keys(&before).into_iter().eq(differ));
            }
        }
    }

    #[test]
    fn a_change_copies_one_run() {
        let mut map = SharedMap::default();
        for key in 0..10_000_u32 {
            map.insert(key, key);
        }
        let held = map.clone();
        map.insert(5_000, 0);
        let copied = map
            .runs
            .iter()
            .zip(&held.runs)
            .filter(|(one, other)| !Arc::ptr_eq(one, other));
        assert_eq!((copied.count(), held.get(&5_000)), (1, Some(&5_000)));
    }
}

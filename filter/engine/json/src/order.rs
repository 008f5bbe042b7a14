//! Sorting, in one place: every type the standard library's sorts are used with costs the module 3 to 5 KB.

/// The indexes of `keys` in the order of the keys; of equal ones the first comes first.
pub fn by_text<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<usize> {
    let mut indexed: Vec<(&str, usize)> = keys.zip(0..).collect();
    sort_texts(&mut indexed);
    indexed.into_iter().map(|(_, index)| index).collect()
}

/// The texts, sorted.
pub fn texts<'k>(texts: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut indexed: Vec<(&str, usize)> = texts.zip(0..).collect();
    sort_texts(&mut indexed);
    indexed.into_iter().map(|(text, _)| text).collect()
}

/// The texts, sorted, each once.
pub fn distinct<'k>(unsorted: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut texts = texts(unsorted);
    texts.dedup();
    texts
}

/// Whether a text is there more than once.
pub fn has_twins<'k>(unsorted: impl Iterator<Item = &'k str>) -> bool {
    let texts = texts(unsorted);
    texts
        .iter()
        .zip(texts.iter().skip(1))
        .any(|(left, right)| left == right)
}

/// The indexes of `keys` in the order of the keys; of equal ones the first comes first.
pub fn by_number(keys: impl Iterator<Item = u64>) -> Vec<usize> {
    let mut indexed: Vec<(u64, usize)> = keys.zip(0..).collect();
    indexed.sort_unstable();
    indexed.into_iter().map(|(_, index)| index).collect()
}

/// The items in this order, which names each of them once.
pub fn arrange<T>(items: Vec<T>, order: &[usize]) -> Vec<T> {
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let take = |index: &usize| items.get_mut(*index).and_then(Option::take);
    order.iter().filter_map(take).collect()
}

#[inline(never)]
fn sort_texts(indexed: &mut [(&str, usize)]) {
    indexed.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_keep_their_order() {
        assert_eq!(by_text(["b", "a", "b", ""].into_iter()), [3, 1, 0, 2]);
        assert_eq!(by_number([2, 1, 2].into_iter()), [1, 0, 2]);
        assert_eq!(arrange(vec!['x', 'y', 'z'], &[2, 0, 1]), ['z', 'x', 'y']);
        assert_eq!(distinct(["b", "a", "b"].into_iter()), ["a", "b"]);
        assert!(has_twins(["b", "a", "b"].into_iter()) && !has_twins(["b", "a"].into_iter()));
    }
}

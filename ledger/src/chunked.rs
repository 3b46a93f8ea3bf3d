//! A list that grows without moving what it holds.
//!
//! A vector of millions grows by copying all of it, and leaves behind what it was copied from; here
//! growing is one allocation of a fixed size. Owns where an item stands. Must not know what items are. Called
//! by [`crate::persons`].

use std::ops::Index;

/// Items of a chunk.
const CHUNK: usize = 256;

/// Items, each at a place from 0 on.
#[derive(Debug)]
pub(crate) struct Chunked<T> {
    /// All full but the last.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunked<T> {
    /// How many items there are: the place of the next one.
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Adds an item at the end.
    pub(crate) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(item),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    /// All items in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Drops the items of which `stays` says no; the others close up. When `stays` panics, all are dropped.
    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&T) -> bool) {
        let mut kept = Self::default();
        for chunk in self.chunks.drain(..) {
            chunk.into_iter().filter(&mut stays).for_each(|item| kept.push(item));
        }
        *self = kept;
    }
}

impl<T> Index<usize> for Chunked<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.chunks[place / CHUNK][place % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_vector_would(
            steps in proptest::collection::vec((0..2 * CHUNK, 2..5_usize), 1..8)
        ) {
            let (mut list, mut vector) = (Chunked::default(), Vec::new());
            for (pushed, divisor) in steps {
                for item in 0..pushed {
                    prop_assert_eq!(list.len(), vector.len());
                    list.push(item);
                    vector.push(item);
                }
                list.retain(|item| item % divisor != 0);
                vector.retain(|item| item % divisor != 0);
                prop_assert!(list.iter().eq(&vector));
                prop_assert!((0..vector.len()).all(|place| list[place] == vector[place]));
            }
        }
    }

    #[test]
    fn nothing_moves_while_it_grows() {
        let mut list = Chunked::default();
        list.push(0);
        let stands: *const usize = &raw const list[0];
        (1..=3 * CHUNK).for_each(|item| list.push(item));
        assert_eq!(stands, &raw const list[0]);
    }
}

//! A vector in blocks of a fixed size, which never moves more than one block.

use std::mem;

use crate::base::shrink::excess;

/// A vector in which no operation moves more than a block, however many elements it has.
///
/// The first block grows and shrinks like a `Vec`, so a short vector costs no more than one. Further blocks
/// are allocated and freed as a whole.
#[derive(Debug)]
pub(crate) struct Blocks<T> {
    first: Vec<T>,
    /// The blocks after the first one. All but the last are full, and none is empty.
    rest: Vec<Vec<T>>,
}

impl<T> Blocks<T> {
    /// The number of elements in a block: a power of two, so that indexing needs no division.
    const BLOCK: usize = {
        let size = if mem::size_of::<T>() == 0 { 1 } else { mem::size_of::<T>() };
        let most = BLOCK_BYTES / size;
        if most < 4 { 4 } else { 1 << most.ilog2() }
    };

    pub(crate) const fn new() -> Self {
        Self { first: Vec::new(), rest: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.rest.last().map_or(0, |last| (self.rest.len() - 1) * Self::BLOCK + last.len())
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match index < Self::BLOCK {
            true => self.first.get(index),
            false => self.rest.get(index / Self::BLOCK - 1)?.get(index % Self::BLOCK),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match index < Self::BLOCK {
            true => self.first.get_mut(index),
            false => self.rest.get_mut(index / Self::BLOCK - 1)?.get_mut(index % Self::BLOCK),
        }
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.rest.last().unwrap_or(&self.first).last()
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.first.len() < Self::BLOCK {
            if self.first.len() == self.first.capacity() {
                let grown = (self.first.len() * 2).clamp(4, Self::BLOCK);
                self.first.reserve_exact(grown - self.first.len());
            }
            return self.first.push(value);
        }
        match self.rest.last_mut() {
            Some(last) if last.len() < Self::BLOCK => last.push(value),
            _ => {
                let mut block = Vec::with_capacity(Self::BLOCK);
                block.push(value);
                self.rest.push(block);
            }
        }
    }

    /// Removes the last element, and frees memory that is no longer needed.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let Some(last) = self.rest.last_mut() else {
            let value = self.first.pop();
            shrink(&mut self.first);
            return value;
        };
        let value = last.pop();
        if last.is_empty() {
            self.rest.pop();
            shrink(&mut self.rest);
        }
        value
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(self.rest.iter_mut().flatten())
    }
}

fn shrink<T>(elements: &mut Vec<T>) {
    if elements.is_empty() {
        *elements = Vec::new();
    } else if let Some(capacity) = excess(elements.capacity(), elements.len()) {
        elements.shrink_to(capacity);
    }
}

/// At most half a block is moved, when the first one grows to its full size.
const BLOCK_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A kilobyte, so that a block has few of them.
    type Large = [u64; 128];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        #[cfg_attr(miri, ignore = "an interpreter is slow")]
        fn it_is_a_vector_whatever_is_pushed_and_popped(steps in vec((any::<bool>(), 1..70_usize), 0..40)) {
            let (mut blocks, mut model) = (Blocks::<Large>::new(), Vec::new());
            for (push, times) in steps {
                for n in 0..times as u64 {
                    if push {
                        blocks.push([n; 128]);
                        model.push(n);
                    } else {
                        prop_assert_eq!(blocks.pop().map(|value| value[0]), model.pop());
                    }
                    prop_assert_eq!(blocks.len(), model.len());
                    prop_assert_eq!(blocks.last().map(|value| value[0]), model.last().copied());
                    prop_assert!(blocks.first.capacity() <= Blocks::<Large>::BLOCK);
                }
                prop_assert!((0..=model.len()).all(|at| blocks.get(at).map(|value| value[0]) == model.get(at).copied()));
                prop_assert!(blocks.iter_mut().map(|value| value[0]).eq(model.iter().copied()));
                prop_assert!(!model.is_empty() || blocks.first.capacity() + blocks.rest.capacity() == 0);
            }
        }
    }
}

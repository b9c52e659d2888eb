//! Arrays of records that a newer host makes longer.
#![expect(unsafe_code, reason = "reads the records of the ABI behind their pointers")]

use crate::error::Error;

/// Records in a row that tell their step themselves, in their first field.
#[derive(Debug)]
pub(super) struct Records<'a, T> {
    first: *const T,
    step: usize,
    pub(super) count: usize,
    life: std::marker::PhantomData<&'a T>,
}

impl<T> Clone for Records<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Records<'_, T> {}

impl<'a, T> Records<'a, T> {
    /// The records behind the pointer.
    ///
    /// # Errors
    /// They are shorter than those of this SDK, or do not lie as they must.
    ///
    /// # Safety
    /// `T` starts with its size as `u32`; the pointer shows `count` records that are as long as the first says.
    pub(super) unsafe fn new(first: *const T, count: u32) -> Result<Self, Error> {
        let mut step = size_of::<T>();
        if count != 0 {
            if first.is_null() || !first.is_aligned() {
                return Err(Error::internal(format!(
                    "the host's {count} records start at {first:p}"
                )));
            }
            // SAFETY: every record starts with its size.
            step = unsafe { first.cast::<u32>().read() } as usize;
        }
        if step < size_of::<T>() || !step.is_multiple_of(align_of::<T>()) {
            return Err(Error::internal(format!(
                "the host's records have {step} bytes; this plugin wants at least {}",
                size_of::<T>()
            )));
        }
        Ok(Self {
            first,
            step,
            count: count as usize,
            life: std::marker::PhantomData,
        })
    }
    /// All of them in order.
    pub(super) fn iter(self) -> impl ExactSizeIterator<Item = &'a T> {
        (0..self.count).map(move |index| {
            // SAFETY: the index is in range, so that the step stays within the host's array.
            let place = unsafe { self.first.byte_add(index * self.step) };
            // SAFETY: within the array, aligned because the first and the step are, and at least as long as ours.
            unsafe { &*place }
        })
    }
}

//! Loops over numbers, compiled for the vectors of the processor at hand.

use macerator::{AutoArch, Simd, WithSimd};

/// Runs `kernel` compiled for the widest vectors that this processor is known to have. Its body has to be inlined to gain
/// by it: mark the closure, and what it calls, `#[inline(always)]`.
///
/// ```
/// let mut numbers = [1.0f32, 4.0, 9.0];
/// trimtab_program::vectorised(#[inline(always)] || {
///     numbers.iter_mut().for_each(|x| *x = x.sqrt());
/// });
/// assert_eq!(numbers, [1.0, 2.0, 3.0]);
/// ```
#[inline(always)]
pub fn vectorised<T>(kernel: impl FnOnce() -> T) -> T {
    struct Kernel<F>(F);
    impl<T, F: FnOnce() -> T> WithSimd for Kernel<F> {
        type Output = T;
        #[inline(always)]
        fn with_simd<S: Simd>(self) -> T {
            (self.0)()
        }
    }
    AutoArch::new().dispatch(Kernel(kernel))
}

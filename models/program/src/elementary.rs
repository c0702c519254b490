//! Elementary functions of `f32` without branches or calls, so that loops over them are vectorised. Products and sums are
//! not fused, so that the bits are the same on every processor.

#![expect(
    clippy::excessive_precision,
    reason = "constants are copied digit by digit"
)]

/// `e^x` to two units in the last place, 0 below about -87 (no subnormal numbers) and at most `e^88`. After `expf` of the Cephes
/// library (S. Moshier): `x = n ln 2 + r`, a polynomial for `e^r`, and `n` put into the exponent.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Added to a small number it leaves the nearest integer, plus 127, in the lowest bits.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // Comparisons with what is not a number are false, and it stays.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_375 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_15e-4;
    p = p * r + 1.398_199_950_7e-3;
    p = p * r + 8.333_451_907_3e-3;
    p = p * r + 4.166_579_589_4e-2;
    p = p * r + 1.666_666_545_9e-1;
    p = p * r + 5.000_000_120_1e-1;
    let power = f32::from_bits(shifted.to_bits() << 23);
    (p * r * r + r + 1.0) * power
}

/// `tanh x = 1 - 2 / (e^(2 x) + 1)`, to 1e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The error function, given `e^(-x^2)`, to 2e-7. After `erff` and `erfcf` of the Cephes library (S. Moshier): a polynomial below 1, and
/// two for `erfc` above.
#[inline(always)]
pub(crate) fn erf(x: f32, exp_of_minus_square: f32) -> f32 {
    let square = x * x;
    let mut near = 7.853_861_353_153_693e-5;
    near = near * square - 8.010_193_625_184_903e-4;
    near = near * square + 5.188_327_685_732_524e-3;
    near = near * square - 2.685_381_193_529_856e-2;
    near = near * square + 1.128_358_514_861_418e-1;
    near = near * square - 3.761_262_582_423_300e-1;
    near = near * square + 1.128_379_165_726_710;
    near *= x;

    let size = x.abs();
    let inverse = 1.0 / if size < 1.0 { 1.0 } else { size };
    let square = inverse * inverse;
    let mut middle = 2.326_819_970_068_386e-2;
    middle = middle * square - 1.387_039_388_740_657e-1;
    middle = middle * square + 3.687_424_674_597_105e-1;
    middle = middle * square - 5.824_733_027_278_666e-1;
    middle = middle * square + 6.210_004_621_745_983e-1;
    middle = middle * square - 4.944_515_323_274_145e-1;
    middle = middle * square + 3.404_879_937_665_872e-1;
    middle = middle * square - 2.741_127_028_184_656e-1;
    middle = middle * square + 5.638_259_427_386_472e-1;
    let mut far = -1.047_766_399_936_249e1;
    far = far * square + 1.297_719_955_372_516e1;
    far = far * square - 7.495_518_717_768_503;
    far = far * square + 2.921_019_019_210_786;
    far = far * square - 1.015_265_279_202_700;
    far = far * square + 4.218_463_358_204_948e-1;
    far = far * square - 2.820_767_439_740_514e-1;
    far = far * square + 5.641_895_067_754_075e-1;
    let tail = if size < 2.0 { middle } else { far };
    let rest = (1.0 - exp_of_minus_square * inverse * tail).copysign(x);
    if size < 1.0 { near } else { rest }
}

/// `(sin 2 pi u, cos 2 pi u)` of a number of turns `u`, to 3e-7. Whole turns are taken off, and what is left is folded to within a quarter
/// turn of a zero of the sine, where its Taylor polynomial of degree 11 is off by less than 6e-8.
#[inline(always)]
pub(crate) fn sine_and_cosine_of_turns(u: f32) -> (f32, f32) {
    /// Added to a small number and taken off again it leaves the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    /// The sine within a quarter turn of 0.
    #[inline(always)]
    fn near_zero(turns: f32) -> f32 {
        let x = std::f32::consts::TAU * turns;
        let square = x * x;
        let mut p = -1.0 / 39_916_800.0;
        p = p * square + 1.0 / 362_880.0;
        p = p * square - 1.0 / 5_040.0;
        p = p * square + 1.0 / 120.0;
        p = p * square - 1.0 / 6.0;
        p * square * x + x
    }
    let rest = u - ((u + ROUND) - ROUND);
    // cos 2 pi u = sin 2 pi (1/4 - |u|), and sin 2 pi |u| is the same at both sides of a quarter turn.
    let from_quarter = 0.25 - rest.abs();
    let sine = near_zero(0.25 - from_quarter.abs()).copysign(rest);
    (sine, near_zero(from_quarter))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every thousandth part from -20 to 20.
    fn numbers() -> impl Iterator<Item = f32> {
        (-20_000..=20_000).map(|i| i as f32 / 1000.0)
    }

    #[test]
    fn exponentials_are_those_of_the_library() {
        for x in numbers().chain([-87.0, 87.9, 0.0]) {
            let wanted = f64::from(x).exp();
            let error = (f64::from(exp(x)) / wanted - 1.0).abs();
            assert!(error < 2.0 * f64::from(f32::EPSILON), "{x}: {error:e}");
        }
        assert!(exp(-1e30) < 2e-38 && exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn hyperbolic_tangents_and_error_functions_are_those_of_the_library() {
        for x in numbers() {
            let wide = f64::from(x);
            assert!((f64::from(tanh(x)) - wide.tanh()).abs() < 2e-7, "{x}");
            let error = f64::from(erf(x, exp(-x * x))) - libm::erf(wide);
            assert!(error.abs() < 2e-7, "{x}: {error:e}");
        }
        assert!(tanh(f32::NAN).is_nan() && erf(f32::NAN, f32::NAN).is_nan());
        assert_eq!((tanh(1e30), tanh(-1e30)), (1.0, -1.0));
    }

    #[test]
    fn sines_and_cosines_are_those_of_the_library() {
        for u in numbers() {
            let wanted = (std::f64::consts::TAU * f64::from(u)).sin_cos();
            let (sine, cosine) = sine_and_cosine_of_turns(u);
            assert!((f64::from(sine) - wanted.0).abs() < 3e-7, "{u}: {sine}");
            assert!((f64::from(cosine) - wanted.1).abs() < 3e-7, "{u}: {cosine}");
        }
        let (sine, cosine) = sine_and_cosine_of_turns(f32::NAN);
        assert!(sine.is_nan() && cosine.is_nan());
        for huge in [1e7, 1e30, -1e30] {
            let (sine, cosine) = sine_and_cosine_of_turns(huge);
            assert!(sine.abs() < 1.01 && cosine.abs() < 1.01, "{huge}");
        }
    }
}

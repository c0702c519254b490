//! Colours: one a controller, the same in every picture, and a sequential map for ordered choices.

use plotters::style::RGBColor;
use std::collections::BTreeSet;

pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
pub(super) const LIGHT_GREY: RGBColor = RGBColor(222, 222, 222);

// The palette of Okabe and Ito (2008), "Color universal design": told apart with every kind of colour vision.
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY_BLUE: RGBColor = RGBColor(86, 180, 233);
const BLUISH_GREEN: RGBColor = RGBColor(0, 158, 115);
const YELLOW: RGBColor = RGBColor(240, 228, 66);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const REDDISH_PURPLE: RGBColor = RGBColor(204, 121, 167);

/// The controllers that every comparison has, in the order of the pictures.
const CONTROLLERS: [(&str, RGBColor); 4] = [
    ("policy", BLUE),
    ("default", ORANGE),
    ("best_static", BLUISH_GREEN),
    ("random", VERMILLION),
];
const OTHERS: [RGBColor; 4] = [REDDISH_PURPLE, SKY_BLUE, BLACK, YELLOW];

/// The colours of the methods of a comparison, the best score first. Yellow is too light for lines.
pub(super) const METHODS: [RGBColor; 7] = [
    BLUE,
    VERMILLION,
    BLUISH_GREEN,
    REDDISH_PURPLE,
    ORANGE,
    SKY_BLUE,
    BLACK,
];

/// The distinct names with their colours: the known controllers first, then the others by name.
pub(super) fn controllers<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<(&'a str, RGBColor)> {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let known = |name: &str| CONTROLLERS.iter().find(|(known, _)| *known == name);
    let first = CONTROLLERS
        .iter()
        .filter_map(|(name, colour)| names.get(name).map(|name| (*name, *colour)));
    let others = names.iter().filter(|name| known(name).is_none());
    first
        .chain(others.copied().zip(OTHERS.into_iter().cycle()))
        .collect()
}

/// The colour half way to white, for what stands behind.
pub(super) fn lighter(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let half = |channel: u8| channel / 2 + 128;
    RGBColor(half(r), half(g), half(b))
}

/// Viridis (Smith and van der Walt 2015) at eighths, linear in between.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [72.0, 40.0, 120.0],
    [62.0, 74.0, 137.0],
    [49.0, 104.0, 142.0],
    [38.0, 130.0, 142.0],
    [31.0, 158.0, 137.0],
    [53.0, 183.0, 121.0],
    [109.0, 205.0, 89.0],
    [253.0, 231.0, 37.0],
];

/// The colour of choice `index` of `count`, dark for the first and light for the last.
pub(super) fn sequential(index: usize, count: usize) -> RGBColor {
    let last = VIRIDIS.len() - 1;
    let share = index as f64 / count.saturating_sub(1).max(1) as f64;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let below = (at.floor() as usize).min(last - 1);
    let channel = |c: usize| {
        let (low, high) = (VIRIDIS[below][c], VIRIDIS[below + 1][c]);
        (low + (high - low) * (at - below as f64)).round() as u8
    };
    RGBColor(channel(0), channel(1), channel(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_controllers_come_first_and_keep_their_colours() {
        let all = controllers(["zeta", "random", "policy", "alpha", "policy"]);
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["policy", "random", "alpha", "zeta"]);
        assert_eq!(controllers(["random"])[0].1, all[1].1);
        assert_ne!(all[2].1, all[3].1);
    }

    #[test]
    fn sequential_colours_grow_lighter() {
        let light = |RGBColor(r, g, b): RGBColor| {
            0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
        };
        let lightness: Vec<_> = (0..20).map(|i| light(sequential(i, 20))).collect();
        assert!(lightness.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sequential(0, 1), RGBColor(68, 1, 84));
        assert_eq!(sequential(4, 5), RGBColor(253, 231, 37));
    }
}

//! Owned, named streams of random numbers.
//!
//! Every random draw of the library comes from a [`ChaCha8Rng`] that is identified by a seed, a name and an index.
//! Two streams that differ in any of the three are independent, so a draw added to one never shifts another, and the
//! number of threads never matters. ChaCha is used because its output is fixed for all time, which `StdRng` does not
//! promise.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The stream called `name`, number `index`, of the run with this `seed`.
///
/// ```
/// use rand::RngExt;
/// let mut weights = trimtab_env::stream(7, "weights", 0);
/// let mut again = trimtab_env::stream(7, "weights", 0);
/// let mut sampler = trimtab_env::stream(7, "sampler", 0);
/// let first: u64 = weights.random();
/// assert_eq!(first, again.random::<u64>());
/// assert_ne!(first, sampler.random::<u64>());
/// ```
pub fn stream(seed: u64, name: &str, index: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&index.to_le_bytes());
    key[16..].copy_from_slice(&fnv1a_128(name.as_bytes()).to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A seed for something that owns streams itself, such as one episode of a run.
///
/// ```
/// assert_ne!(
///     trimtab_env::mdp::stream::derived_seed(1, "episode", 0),
///     trimtab_env::mdp::stream::derived_seed(1, "episode", 1),
/// );
/// ```
pub fn derived_seed(seed: u64, name: &str, index: u64) -> u64 {
    use rand::RngExt;
    stream(seed, name, index).random()
}

/// The 128-bit FNV-1a hash (Fowler, Noll, Vo; RFC 9923), so that the name fills its half of the key.
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// Pinned: these values are a promise, records of earlier versions depend on them.
    #[test]
    fn streams_are_stable() {
        let mut draws = stream(42, "weights", 3);
        let first: [u32; 3] = [draws.random(), draws.random(), draws.random()];
        assert_eq!(first, PINNED);
    }
    const PINNED: [u32; 3] = [2_851_009_436, 1_296_274_270, 3_934_867_695];

    #[test]
    fn hash_of_nothing_is_the_offset_basis() {
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        // Published test vector of RFC 9923 for "foobar".
        assert_eq!(
            fnv1a_128(b"foobar"),
            0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18
        );
    }

    #[test]
    fn any_part_changes_the_stream() {
        let first = |seed, name: &str, index| stream(seed, name, index).random::<u64>();
        let base = first(1, "a", 0);
        assert_ne!(base, first(2, "a", 0));
        assert_ne!(base, first(1, "b", 0));
        assert_ne!(base, first(1, "a", 1));
    }
}

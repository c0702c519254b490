//! How the planes of an image lie in memory.

use std::ops::Range;

/// Numbers that are computed at once. All planes are whole vectors of as many, so that no loop has a rest.
pub(crate) const LANES: usize = 16;

/// Output channels that are computed together: what is read of the inputs serves all of them. Their sums fit into the registers
/// of the processor; with 8 of them the compiler falls back to single numbers, which takes ten times as long.
pub(crate) const TOGETHER: usize = 4;

/// Where the numbers of an image `[channels, height, width]` are.
///
/// A padded plane has a column of zeros at the right of its rows and a row of zeros beneath them. Read as one row of numbers,
/// the column at the right of a row is the one at the left of the next as well, and what lies beneath a plane lies above the
/// next: a step to a neighbour is a step of the same length everywhere, and meets a zero beyond every border.
#[derive(Clone, Debug)]
pub(crate) struct Planes {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// From one row to the next.
    pub(crate) row: usize,
    /// From one plane to the next.
    pub(crate) plane: usize,
    /// Zeros before the first plane and after the last, which are its padding there.
    pub(crate) margin: usize,
}

impl Planes {
    /// Planes with zeros around them.
    pub(crate) fn padded([channels, height, width]: [usize; 3]) -> Self {
        let row = width + 1;
        Self {
            channels,
            height,
            width,
            row,
            plane: ((height + 1) * row).next_multiple_of(LANES),
            margin: row + 1,
        }
    }

    /// Planes that follow each other without gaps.
    pub(crate) fn dense([channels, height, width]: [usize; 3]) -> Self {
        Self {
            channels,
            height,
            width,
            row: width,
            plane: height * width,
            margin: 0,
        }
    }

    /// From one image to the next.
    pub(crate) fn image(&self) -> usize {
        self.channels * self.plane
    }

    /// The numbers of an image whose channels are filled up to whole blocks that are computed together.
    pub(crate) fn blocks(&self) -> usize {
        self.channels.next_multiple_of(TOGETHER) * self.plane
    }

    /// The numbers of so many images with the margins around them.
    pub(crate) fn images(&self, count: usize) -> usize {
        count * self.image() + 2 * self.margin
    }

    /// Where the image of this index is, with the margins around it.
    pub(crate) fn with_margins(&self, index: usize) -> Range<usize> {
        let start = index * self.image();
        start..start + self.images(1)
    }

    /// Where the image of this index is, without margins.
    pub(crate) fn without_margins(&self, index: usize) -> Range<usize> {
        let start = self.margin + index * self.image();
        start..start + self.image()
    }

    /// Where a row is in its image.
    pub(crate) fn row_of(&self, channel: usize, row: usize) -> Range<usize> {
        let start = channel * self.plane + row * self.row;
        start..start + self.width
    }

    /// As many numbers of a plane as have all of its rows, in whole vectors.
    pub(crate) fn vectors(&self) -> usize {
        (self.height * self.row).next_multiple_of(LANES)
    }
}

/// The numbers at `start` and after it, as many as are computed at once.
#[inline(always)]
pub(crate) fn lanes(numbers: &[f32], start: usize) -> &[f32; LANES] {
    numbers[start..].first_chunk().expect("whole vectors")
}

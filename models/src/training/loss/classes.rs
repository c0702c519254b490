//! What losses of classes have in common.

use burn::tensor::{Int, Tensor, TensorData};

/// 1 where a class is the right one, else 0: `[rows, classes]`, as the outputs.
pub(super) fn of_right_class(outputs: &Tensor<2>, labels: Tensor<1, Int>) -> Tensor<2> {
    let [_, classes] = outputs.dims();
    labels.one_hot::<2>(classes).float()
}

/// A number for each class, `[1, classes]`; 1 for all if there are none.
pub(super) fn per_class(numbers: Option<&[f64]>, outputs: &Tensor<2>) -> Tensor<2> {
    let [_, classes] = outputs.dims();
    let numbers = numbers.map_or_else(|| vec![1.0; classes], <[f64]>::to_vec);
    let numbers: Vec<f32> = numbers.into_iter().map(|number| number as f32).collect();
    Tensor::from_data(TensorData::new(numbers, [1, classes]), &outputs.device())
}

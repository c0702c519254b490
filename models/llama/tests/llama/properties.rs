//! What holds of every LLaMA: causality, the cache, batches, generation.

use crate::{drawn, numbers, text, tiny};
use burn::tensor::{Device, Tensor};
use trimtab_llama::{GateKind, Generation, Llama, LlamaConfig, Sampling};

fn close<const D: usize>(a: Tensor<D>, b: Tensor<D>) {
    for (a, b) in numbers(a).into_iter().zip(numbers(b)) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn later_tokens_do_not_change_earlier_logits() {
    let model = drawn(1, &Device::flex());
    let first = text(12);
    let mut second = first.clone();
    second[8] = (second[8] + 1) % 40;
    let logits = |text: &Vec<u32>| model.forward(model.tokens(std::slice::from_ref(text)).unwrap());
    let (first, second) = (logits(&first), logits(&second));
    let part = |logits: &Tensor<3>, start, length| numbers(logits.clone().narrow(1, start, length));
    assert_eq!(part(&first, 0, 8), part(&second, 0, 8));
    for position in 8..12 {
        assert_ne!(part(&first, position, 1), part(&second, position, 1));
    }
}

#[test]
fn texts_of_a_batch_do_not_see_each_other() {
    let model = drawn(2, &Device::flex());
    let (first, second) = (text(9), text(18)[9..].to_vec());
    let both = model.forward(model.tokens(&[first.clone(), second.clone()]).unwrap());
    for (index, text) in [first, second].into_iter().enumerate() {
        let alone = model.forward(model.tokens(&[text]).unwrap());
        close(alone, both.clone().narrow(0, index, 1));
    }
}

#[test]
fn logits_with_the_cache_are_those_without() {
    for gate in [None, Some(GateKind::Sigmoid)] {
        let model = drawn(3, &Device::flex());
        let model = match gate {
            None => model,
            Some(kind) => model.with_gates(kind),
        };
        let text = text(10);
        let whole = model.forward(model.tokens(std::slice::from_ref(&text)).unwrap());
        // Parts of one position and of several.
        let mut cache = model.cache();
        let mut start = 0;
        for end in [4, 5, 6, 10] {
            let part = model.tokens(&[text[start..end].to_vec()]).unwrap();
            let logits = model.forward_cached(part, &mut cache);
            close(logits, whole.clone().narrow(1, start, end - start));
            assert_eq!(cache.positions(), end);
            start = end;
        }
    }
}

#[test]
fn the_cache_changes_no_token() {
    let nucleus = Sampling::Nucleus {
        temperature: 0.9,
        top_p: 0.95,
    };
    for model in [
        drawn(4, &Device::flex()),
        tiny("tiny-llama-llama3"),
        tiny("tiny-llama-tied"),
    ] {
        for (sampling, seed) in [(Sampling::Greedy, 1), (nucleus, 1), (nucleus, 2)] {
            let generate = |cache| {
                let generation = Generation {
                    tokens: 30,
                    sampling,
                    seed,
                    cache,
                };
                model.generate(&[5, 6, 7], &generation).unwrap()
            };
            assert_eq!(generate(true), generate(false));
        }
    }
}

#[test]
fn seeds_decide_what_is_drawn() {
    let model = drawn(5, &Device::flex());
    let generate = |seed| {
        let sampling = Sampling::Nucleus {
            temperature: 1.0,
            top_p: 1.0,
        };
        let generation = Generation {
            tokens: 20,
            sampling,
            seed,
            cache: true,
        };
        model.generate(&[1], &generation).unwrap()
    };
    assert_eq!(generate(1), generate(1));
    assert_ne!(generate(1), generate(2));
}

#[test]
fn a_text_ends_with_its_last_token() {
    let greedy = |model: &Llama, prompt: &[u32], tokens| {
        let sampling = Sampling::Greedy;
        model.generate(
            prompt,
            &Generation {
                tokens,
                sampling,
                seed: 1,
                cache: true,
            },
        )
    };
    let free = drawn(6, &Device::flex());
    let all = greedy(&free, &[3], 10).unwrap();
    assert_eq!(all.len(), 10);
    let last = all[4];
    let config = LlamaConfig {
        eos_token_id: vec![last],
        max_position_embeddings: 8,
        ..free.config().clone()
    };
    let ending = Llama::new(config, 6, &Device::flex()).unwrap();
    let first = all.iter().position(|token| *token == last).unwrap();
    assert_eq!(greedy(&ending, &[3], 8).unwrap(), all[..=first]);
    assert!(greedy(&ending, &[3], 0).unwrap().is_empty());
    let message = greedy(&ending, &[3; 9], 1).unwrap_err().to_string();
    assert!(message.contains("from 1 to 8 tokens"), "{message}");
    for (prompt, expected) in [(vec![], "0 tokens"), (vec![40], "token 40")] {
        let message = greedy(&ending, &prompt, 2).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// When the positions are used up, what comes next is what comes after the last half of them.
#[test]
fn a_text_longer_than_the_positions_is_seen_from_its_last_half() {
    let config = LlamaConfig {
        max_position_embeddings: 7,
        ..drawn(7, &Device::flex()).config().clone()
    };
    let model = Llama::new(config, 7, &Device::flex()).unwrap();
    let generate = |prompt: &[u32], tokens, cache| {
        let generation = Generation {
            tokens,
            sampling: Sampling::Greedy,
            seed: 1,
            cache,
        };
        model.generate(prompt, &generation).unwrap()
    };
    let all = generate(&[5, 6, 7], 20, true);
    assert_eq!(all, generate(&[5, 6, 7], 20, false));
    let text = [vec![5, 6, 7], all].concat();
    // Seven positions make the eighth token; then four make the ninth, and so on for four tokens.
    assert_eq!(text[3..8], generate(&text[..3], 5, true));
    for (begin, end) in [(4, 8), (8, 12), (12, 16)] {
        let next = generate(&text[begin..end], 4, true);
        assert_eq!(text[end..end + 4], next, "{begin}");
    }
}

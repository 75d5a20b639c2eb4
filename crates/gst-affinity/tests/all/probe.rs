//! The probe on Burn modules.

use burn::module::{Lora, Module, Param, ParamGroup};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use gst_affinity::probe::ProbedParameter;
use gst_affinity::{GradientProbe, Preconditioner, ProbeError, SketchError, SketchParams, Sketcher};

use crate::synthetic::Normal;

#[derive(Module, Debug)]
struct Net {
    // Not in alphabetical order, on purpose.
    head: Linear,
    body: Linear,
    unused: Param<Tensor<1>>,
}

impl Net {
    fn new(device: &Device) -> Self {
        let mut normal = Normal::new(2);
        let mut linear = |from: usize, to: usize| {
            let mut layer = LinearConfig::new(from, to).init(device);
            let weights: Vec<f32> = (0..from * to).map(|_| normal.next() as f32 * 0.5).collect();
            layer.weight = Param::from_data(TensorData::new(weights, [from, to]), device);
            layer
        };
        Self { head: linear(4, 1), body: linear(3, 4), unused: Param::from_data([1.0, 2.0], device) }
    }

    fn loss(&self, inputs: &Tensor<2>) -> Tensor<1> {
        let out = self.head.forward(self.body.forward(inputs.clone()).tanh());
        (out.clone() * out).mean()
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn inputs(device: &Device) -> Tensor<2> {
    let mut normal = Normal::new(7);
    Tensor::from_data(TensorData::new((0..15).map(|_| normal.next() as f32).collect::<Vec<_>>(), [5, 3]), device)
}

fn paths(parameters: &[ProbedParameter]) -> Vec<&str> {
    parameters.iter().map(|parameter| parameter.path.as_str()).collect()
}

#[test]
fn parameters_come_in_the_order_of_their_paths() {
    let net = Net::new(&device());
    let layout = GradientProbe::all().layout(&net).unwrap();
    assert_eq!(paths(layout.parameters()), ["body.bias", "body.weight", "head.bias", "head.weight", "unused"]);
    let offsets: Vec<u64> = layout.parameters().iter().map(|parameter| parameter.offset).collect();
    assert_eq!((offsets, layout.values()), (vec![0, 4, 16, 17, 21], 23));
    assert_eq!(layout.parameters()[1].shape, [3, 4]);
}

#[test]
fn a_gradient_is_what_differences_of_the_loss_say() {
    let device = device();
    let (net, x) = (Net::new(&device), inputs(&device));
    let probe = GradientProbe::matching(&["^body\\.weight$"]).unwrap();
    let gradient = probe.gradient(&net, net.loss(&x)).unwrap();
    let weights: Vec<f32> = net.body.weight.val().into_data().iter::<f32>().collect();
    let loss_with = |place: usize, change: f32| {
        let mut moved = weights.clone();
        moved[place] += change;
        let mut net = net.clone();
        net.body.weight = Param::from_data(TensorData::new(moved, [3, 4]), &device);
        f64::from(net.loss(&x).into_scalar::<f32>())
    };
    for (place, value) in gradient.iter().enumerate() {
        let expected = (loss_with(place, 1e-2) - loss_with(place, -1e-2)) / 2e-2;
        assert!((f64::from(*value) - expected).abs() < 1e-3, "{place}: {value} for {expected}");
    }
    assert!(gradient.iter().any(|value| value.abs() > 1e-2));
}

#[test]
fn what_the_loss_does_not_reach_counts_with_zeros() {
    let device = device();
    let net = Net::new(&device);
    let gradient = GradientProbe::all().gradient(&net, net.loss(&inputs(&device))).unwrap();
    assert_eq!(gradient.len(), 23);
    assert_eq!(gradient[21..], [0.0, 0.0]);
}

#[test]
fn blocks_and_sketches_are_those_of_the_whole_gradient() {
    let device = device();
    let (net, x) = (Net::new(&device), inputs(&device));
    let probe = GradientProbe::all();
    let whole = probe.gradient(&net, net.loss(&x)).unwrap();
    let mut seen = 0;
    let take = |parameter: &ProbedParameter, offset: u64, values: &[f32]| {
        assert_eq!(values, &whole[offset as usize..offset as usize + parameter.length], "{}", parameter.path);
        seen += values.len();
        Ok(())
    };
    probe.blocks(&net, net.loss(&x), take).unwrap();
    assert_eq!(seen, whole.len());
    let sketcher = Sketcher::new(SketchParams { size: 16, seed: 4 }).unwrap();
    let streamed = probe.sketch(&net, net.loss(&x), &sketcher).unwrap();
    let apart = streamed.iter().zip(sketcher.sketch(&whole)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-6, "{apart}");
    let mut stream = sketcher.start();
    probe.stream(&net, net.loss(&x), &mut stream).unwrap();
    let twice = probe.stream(&net, net.loss(&x), &mut stream);
    assert!(matches!(twice, Err(ProbeError::Sketch(SketchError::Overlap { .. }))), "{twice:?}");
}

#[test]
fn a_preconditioner_is_applied_in_the_order_of_the_paths() {
    let device = device();
    let (net, x) = (Net::new(&device), inputs(&device));
    let probe = GradientProbe::all();
    let gradient = probe.gradient(&net, net.loss(&x)).unwrap();
    let moments: Vec<f32> = (1..=gradient.len()).map(|place| (place * place) as f32).collect();
    let preconditioner = Preconditioner::from_second_moments(&moments, 1e-20).unwrap();
    let exact = Sketcher::new(SketchParams::EXACT).unwrap();
    let changed = probe.sketch_preconditioned(&net, net.loss(&x), &exact, &preconditioner).unwrap();
    for (place, (found, value)) in changed.iter().zip(&gradient).enumerate() {
        assert!((found - value / (place + 1) as f32).abs() <= 1e-6 * value.abs(), "{place}: {found} of {value}");
    }
    let short = Preconditioner::from_second_moments(&[1.0], 1e-8).unwrap();
    let error = probe.sketch_preconditioned(&net, net.loss(&x), &exact, &short);
    assert_eq!(error, Err(ProbeError::OtherLength { found: 1, expected: 23 }));
}

#[test]
fn only_what_is_trainable_and_chosen_is_probed() {
    let device = device();
    let net = Net::new(&device);
    let chosen = |probe: &GradientProbe, net: &Net| -> Vec<String> {
        probe.layout(net).unwrap().parameters().iter().map(|parameter| parameter.path.clone()).collect()
    };
    assert_eq!(chosen(&GradientProbe::matching(&["bias$", "unused"]).unwrap(), &net), ["body.bias", "head.bias", "unused"]);
    assert_eq!(chosen(&GradientProbe::group(ParamGroup::from_path("head.bias")), &net), ["head.bias"]);
    assert_eq!(chosen(&GradientProbe::matching::<&str>(&[]).unwrap(), &net).len(), 5);
    let mut frozen = net.clone();
    frozen.body = frozen.body.no_grad();
    assert_eq!(chosen(&GradientProbe::all(), &frozen), ["head.bias", "head.weight", "unused"]);
    let x = inputs(&device);
    assert_eq!(GradientProbe::all().gradient(&frozen, frozen.loss(&x)).unwrap().len(), 7);

    let adapted = net.apply_lora(Lora::new(2, 4.0));
    let probe = GradientProbe::all();
    let layout = probe.layout(&adapted).unwrap();
    assert!(layout.parameters().iter().all(|parameter| parameter.path.contains("lora")), "{:?}", paths(layout.parameters()));
    let gradient = probe.gradient(&adapted, adapted.loss(&x)).unwrap();
    assert_eq!(gradient.len() as u64, probe.parameters(&adapted).unwrap());
    assert!(gradient.iter().any(|value| *value != 0.0));
}

#[test]
fn what_cannot_be_probed_is_refused_with_the_remedy() {
    let device = device();
    let (net, x) = (Net::new(&device), inputs(&device));
    assert!(matches!(GradientProbe::matching(&["("]), Err(ProbeError::BadPattern { .. })));
    let nothing = GradientProbe::matching(&["lora"]).unwrap().layout(&net).unwrap_err().to_string();
    assert!(nothing.contains("`lora` matches none of the 5 trainable parameters"), "{nothing}");
    let plain = Net::new(&Device::flex());
    let untrained = GradientProbe::all().layout(&plain).unwrap_err().to_string();
    assert!(untrained.contains("device.autodiff()"), "{untrained}");
    let detached = GradientProbe::all().gradient(&net, net.loss(&x).detach());
    assert_eq!(detached, Err(ProbeError::NoAutodiff));
    let broken = GradientProbe::all().gradient(&net, net.loss(&x) * f32::NAN);
    assert!(matches!(broken, Err(ProbeError::NotFinite { .. })), "{broken:?}");
}

#[derive(Module, Debug)]
struct Bowl {
    w: Param<Tensor<1>>,
    fixed: Param<Tensor<1>>,
}

/// ½ wᵀ A w with A = [[3, 1], [1, 2]], and a cubic term when asked for.
fn bowl_loss(bowl: &Bowl, cubic: f32) -> Tensor<1> {
    let w = bowl.w.val();
    let a = Tensor::<2>::from_floats([[3.0, 1.0], [1.0, 2.0]], &w.device());
    let product = a.matmul(w.clone().reshape([2, 1])).reshape([2]);
    (w.clone() * product).sum() * 0.5 + (w.clone() * w.clone() * w).sum() * cubic + bowl.fixed.val().sum()
}

#[test]
fn a_hessian_vector_product_is_that_of_the_known_hessian() {
    let device = device();
    let bowl = Bowl { w: Param::from_data([0.5, -1.5], &device), fixed: Param::from_data([9.0], &device) };
    let probe = GradientProbe::matching(&["^w$"]).unwrap();
    let close = |found: &[f32], expected: [f32; 2], tolerance: f32| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < tolerance), "{found:?} for {expected:?}");
    };
    for (vector, expected) in [([1.0, 0.0], [3.0, 1.0]), ([2.0, -1.0], [5.0, 0.0]), ([1e-4, 1e-4], [4e-4, 3e-4])] {
        let product = probe.hessian_vector(&bowl, &vector, |bowl| bowl_loss(bowl, 0.0)).unwrap();
        let size = vector[0].abs() + vector[1].abs();
        close(&product, expected, 2e-3 * size);
    }
    // With w³ the Hessian has 6 w on its diagonal; a central difference is exact for it.
    let product = probe.hessian_vector(&bowl, &[1.0, 1.0], |bowl| bowl_loss(bowl, 1.0)).unwrap();
    close(&product, [4.0 + 3.0, 3.0 - 9.0], 2e-2);
    assert_eq!(probe.hessian_vector(&bowl, &[0.0, 0.0], |bowl| bowl_loss(bowl, 1.0)).unwrap(), [0.0, 0.0]);
    // The module itself stays where it was.
    assert_eq!(bowl.w.val().into_data().iter::<f32>().collect::<Vec<_>>(), [0.5, -1.5]);
}

#[test]
fn vectors_and_steps_that_do_not_fit_are_refused() {
    let device = device();
    let bowl = Bowl { w: Param::from_data([0.5, -1.5], &device), fixed: Param::from_data([9.0], &device) };
    let probe = GradientProbe::matching(&["^w$"]).unwrap();
    let loss = |bowl: &Bowl| bowl_loss(bowl, 0.0);
    assert_eq!(probe.hessian_vector(&bowl, &[1.0], loss), Err(ProbeError::OtherLength { found: 1, expected: 2 }));
    assert!(matches!(probe.hessian_vector(&bowl, &[f32::NAN, 1.0], loss), Err(ProbeError::NotFinite { .. })));
    assert_eq!(probe.hessian_vector_with_step(&bowl, &[1.0, 1.0], 0.0, loss), Err(ProbeError::BadStep { found: 0.0 }));
    assert!(matches!(probe.hessian_vector_with_step(&bowl, &[1.0, 1.0], f64::NAN, loss), Err(ProbeError::BadStep { .. })));
}

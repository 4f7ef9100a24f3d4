/**
 * Activations of MLPs.
 *
 * @module
 */

/**
 * An activation of an MLP. `"gelu"` is x times the normal distribution, `"gelu_tanh"` its approximation by tanh,
 * `"quick_gelu"` x * sigmoid(1.702 x), `"relu2"` the square of `"relu"`.
 */
export type Activation = "silu" | "gelu" | "gelu_tanh" | "relu" | "relu2" | "quick_gelu";

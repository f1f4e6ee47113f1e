"""A laboratory for conditional variational auto-encoders: models, bounds, estimates, training, runs and pictures.

Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz. Sohn, Lee & Yan (2015) write it in other letters:

    here          x image    c condition    posterior q(z | x, c)    prior p(z | c)    likelihood p(x | z, c)
    the paper     y output   x input        recognition network      prior network     generation network

All bounds and likelihoods are in nats per image.
"""

//! `pipe plots show` and `pipe plots diff`.

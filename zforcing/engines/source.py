"""The C around the bodies of a loop: matrix products, packed weights, and functions that are exact near 0."""

from __future__ import annotations

import ctypes

SECOND = 162  # CBLAS's name of the second matrix of a product

SOURCE = r"""
#include <math.h>
#define SINGLE %(single)d
#if SINGLE
typedef float real;
__attribute__((simd("notinbranch"))) float expf(float);
__attribute__((simd("notinbranch"))) float logf(float);
#define EXP expf
#define LOG logf
#define ABS fabsf
#define SQRT sqrtf
#define POW powf
#else
typedef double real;
__attribute__((simd("notinbranch"))) double exp(double);
__attribute__((simd("notinbranch"))) double log(double);
#define EXP exp
#define LOG log
#define ABS fabs
#define SQRT sqrt
#define POW pow
#endif

// exp(x) - 1 and log(1 + x) where they are small, by Kahan's formulas: vectors of expm1 and log1p are not everywhere.
static inline real expm1_of(real x) {
    const real u = EXP(x), d = u - 1;
    return u == 1 ? x : d == -1 || u > 1e6f ? d : d * x / LOG(u);
}

static inline real log1p_of(real x) {
    const real u = 1 + x;
    return u == 1 ? x : LOG(u) * x / (u - 1);
}

static inline real cross_entropy(real logit, real target) {
    return (1 - target) * logit + (logit < 0 ? -logit : 0) + log1p_of(EXP(-ABS(logit)));
}

typedef void (*gemm_type)(const char *, const char *, const int *, const int *, const int *, const real *, const real *,
                          const int *, const real *, const int *, const real *, real *, const int *);
typedef void (*pack_type)(int, int, int, int, int, int, float, const float *, int, float *);
typedef void (*compute_type)(int, int, int, int, int, int, const float *, int, const float *, int, float, float *, int);

static gemm_type gemm;
static pack_type pack;
static compute_type compute;

struct weight { const real *data; long stride, transposed, inputs, outputs; real *packed; };

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112, PACKED = 151, SECOND = 162 };

void connect(void *gemm_, void *pack_, void *compute_) { gemm = gemm_; pack = pack_; compute = compute_; }

static inline void product(const struct weight *w, int batch, const real *x, int x_stride, real *out, int inputs,
                           int outputs, int accumulate) {
#if SINGLE
    if (w->packed) {
        compute(ROW_MAJOR, PLAIN, PACKED, batch, outputs, inputs, x, x_stride, w->packed, (int)w->stride,
                (float)accumulate, out, outputs);
        return;
    }
#endif
    const int stride = (int)w->stride;
    const real one = 1, beta = accumulate;
    gemm(w->transposed ? "T" : "N", "N", &outputs, &batch, &inputs, &one, w->data, &stride, x, &x_stride, &beta, out,
         &outputs);
}

static void prepare(struct weight *tables, int count, int batch) {
#if SINGLE
    for (int i = 0; i < count; i++)
        if (tables[i].packed)
            pack(ROW_MAJOR, SECOND, tables[i].transposed ? TRANSPOSED : PLAIN, batch, (int)tables[i].outputs,
                 (int)tables[i].inputs, 1.0f, tables[i].data, (int)tables[i].stride, tables[i].packed);
#endif
}

void forward(long steps, long batch, real **a, struct weight *tables) {
    prepare(tables, %(forward_weights)d, (int)batch);
    for (long t = 0; t < steps; t++) {
%(forward)s
    }
}

void backward(long steps, long batch, real **a, struct weight *tables) {
    prepare(tables, %(backward_weights)d, (int)batch);
    for (long t = steps - 1; t >= 0; t--) {
%(backward)s
    }
}
"""


class Weight(ctypes.Structure):
    """`struct weight` of the source."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("stride", ctypes.c_long),
        ("transposed", ctypes.c_long),
        ("inputs", ctypes.c_long),
        ("outputs", ctypes.c_long),
        ("packed", ctypes.c_void_p),
    ]

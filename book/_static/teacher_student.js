/* The mathematics of the playground: a two-layer teacher and student of two inputs, and stochastic gradient descent.

Conventions are those of ts_core/networks.py: J = 1/2 E |f* - f|^2, summed over outputs; the reported loss is
2 J / c. A network is {n, c, slope, rows, fan, bias}: rows (n x 3) of first-layer weights with the bias last,
fan (n x c) of fan-out weights, bias (c) of the outputs. A test holds all of it to ts_core.

One function with everything inside, so that its own text can become a worker: pages opened as files may load
neither modules nor workers. */
function teacherStudent() {
  "use strict";

  const REACH = 2; // inputs lie in the square [-REACH, REACH]^2
  const TICKS = 4096; // angles and positions that an address can hold
  const FOUND = 0.95; // best correlation of a teacher node that counts as specialized, as in the paper
  const ON_LINE = 0.98; // |cosine|, biases included, of nodes that count as on one line
  const START = 0.2; // standard deviation of a random start

  // --- random numbers: each is a function of key and place, so that no step depends on how one came to it ---

  /* 32 bits for a key and a place: the mulberry32 generator, entered at that place. */
  function word(key, place) {
    let a = (key + Math.imul(place + 1, 0x6d2b79f5)) | 0;
    a = Math.imul(a ^ (a >>> 15), a | 1);
    a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
    return (a ^ (a >>> 14)) >>> 0;
  }

  const PURPOSES = ["teacher", "fan-out", "start", "samples", "batches"];
  const keyOf = (seed, purpose) => word(seed, PURPOSES.indexOf(purpose)); // one stream per purpose
  const uniform = (key, place) => (word(key, place) + 0.5) / 2 ** 32; // in (0, 1)

  function normal(key, place) {
    const radius = Math.sqrt(-2 * Math.log(uniform(key, 2 * place)));
    return radius * Math.cos(2 * Math.PI * uniform(key, 2 * place + 1));
  }

  /* Numbers of the samples, of N, that a step sees. */
  function batch(key, step, size, N, picks) {
    for (let i = 0; i < size; i++) picks[i] = Math.floor((word(key, step * size + i) * N) / 2 ** 32);
    return picks;
  }

  // --- networks ---

  const network = (n, c, slope) => ({
    n, c, slope,
    rows: new Float64Array(3 * n), fan: new Float64Array(c * n), bias: new Float64Array(c),
  });

  const copy = (net) => ({ ...net, rows: net.rows.slice(), fan: net.fan.slice(), bias: net.bias.slice() });

  const hypot = (values, from, count) => {
    let sum = 0;
    for (let i = from; i < from + count; i++) sum += values[i] * values[i];
    return Math.sqrt(sum);
  };
  const fanOut = (net, k) => hypot(net.fan, k * net.c, net.c); // |v_k|
  const strength = (net, k) => hypot(net.rows, 3 * k, 2) * fanOut(net, k); // |w_k| |v_k|: the size of its kink

  /* Activations of the samples x (N x 2), unit by unit (n x N). */
  function hidden(net, x) {
    const N = x.length / 2, f = new Float64Array(net.n * N);
    for (let k = 0; k < net.n; k++) {
      const w0 = net.rows[3 * k], w1 = net.rows[3 * k + 1], b = net.rows[3 * k + 2];
      for (let i = 0; i < N; i++) {
        const z = w0 * x[2 * i] + w1 * x[2 * i + 1] + b;
        f[k * N + i] = z > 0 ? z : net.slope * z;
      }
    }
    return f;
  }

  /* Outputs (N x c) from the activations of the hidden units. */
  function outputs(net, f) {
    const { n, c } = net, N = f.length / n || 0, y = new Float64Array(N * c);
    for (let i = 0; i < N; i++) y.set(net.bias, i * c);
    for (let k = 0; k < n; k++)
      for (let i = 0; i < N; i++) {
        const a = f[k * N + i];
        if (a !== 0) for (let o = 0; o < c; o++) y[i * c + o] += a * net.fan[k * c + o];
      }
    return y;
  }

  // --- training ---

  /* One step of descent on the samples ``picks`` of x, towards their targets (N x c). False if it diverged.

  Of a hidden unit, dJ/dz = -sigma'(z) v^T (f* - f): when one is moved, no other needs it any more. */
  function step(student, x, targets, picks, rate) {
    const { n, c, slope, rows, fan, bias } = student, size = picks.length;
    const { seen, residual, active, slant } = scratch(size, n, c);
    for (let i = 0; i < size; i++) {
      const p = picks[i];
      seen[2 * i] = x[2 * p];
      seen[2 * i + 1] = x[2 * p + 1];
      for (let o = 0; o < c; o++) residual[i * c + o] = targets[p * c + o] - bias[o];
    }
    for (let k = 0; k < n; k++) {
      const w0 = rows[3 * k], w1 = rows[3 * k + 1], b = rows[3 * k + 2], v = k * c;
      for (let i = 0; i < size; i++) {
        const z = w0 * seen[2 * i] + w1 * seen[2 * i + 1] + b, a = z > 0 ? z : slope * z, at = i * c;
        active[k * size + i] = a;
        if (a !== 0) for (let o = 0; o < c; o++) residual[at + o] -= a * fan[v + o];
      }
    }
    for (let i = 0; i < size * c; i++) if (!(Math.abs(residual[i]) < 1e6)) return false;
    const eta = rate / size;
    for (let k = 0; k < n; k++) {
      const v = k * c;
      let d0 = 0, d1 = 0, db = 0;
      slant.fill(0);
      for (let i = 0; i < size; i++) {
        const a = active[k * size + i], at = i * c;
        if (a === 0 && slope === 0) continue;
        let s = 0;
        for (let o = 0; o < c; o++) {
          const r = residual[at + o];
          s += fan[v + o] * r;
          slant[o] += a * r;
        }
        const g = a > 0 ? s : slope * s;
        d0 += g * seen[2 * i];
        d1 += g * seen[2 * i + 1];
        db += g;
      }
      rows[3 * k] += eta * d0;
      rows[3 * k + 1] += eta * d1;
      rows[3 * k + 2] += eta * db;
      for (let o = 0; o < c; o++) fan[v + o] += eta * slant[o];
    }
    for (let i = 0; i < size; i++) for (let o = 0; o < c; o++) bias[o] += eta * residual[i * c + o];
    return true;
  }

  let room = {};
  function scratch(size, n, c) {
    if (room.size !== size || room.n !== n || room.c !== c) {
      const make = (length) => new Float64Array(length);
      room = { size, n, c, seen: make(2 * size), residual: make(size * c), active: make(size * n), slant: make(c) };
    }
    return room;
  }

  // --- what a student has learned ---

  /* Pearson correlation of every teacher with every student node (m x n), as metrics.correlation of ts_core. */
  function correlation(f_t, m, f_s, n) {
    const N = f_t.length / m, rho = new Float64Array(m * n);
    const centred = (f, units) => {
      const shifted = f.slice(), inverse = new Float64Array(units);
      for (let k = 0; k < units; k++) {
        let mean = 0, square = 0;
        for (let i = 0; i < N; i++) mean += f[k * N + i] / N;
        for (let i = k * N; i < (k + 1) * N; i++) {
          shifted[i] -= mean;
          square += shifted[i] * shifted[i];
        }
        inverse[k] = square > 0 ? 1 / Math.sqrt(square + 1e-10) : 0; // a constant unit correlates 0
      }
      return [shifted, inverse];
    };
    const [t, it] = centred(f_t, m), [s, is] = centred(f_s, n);
    for (let j = 0; j < m; j++)
      for (let k = 0; k < n; k++) {
        let sum = 0;
        for (let i = 0; i < N; i++) sum += t[j * N + i] * s[k * N + i];
        rho[j * n + k] = sum * it[j] * is[k];
      }
    return rho;
  }

  /* How much of teacher j's boundary student k sees (m x n), in [0, 1/2], as metrics.observability. */
  function observability(f_t, m, f_s, n) {
    const N = f_t.length / m, seen = new Float64Array(m * n);
    for (let j = 0; j < m; j++)
      for (let k = 0; k < n; k++) {
        let on = 0, both = 0;
        for (let i = 0; i < N; i++)
          if (f_s[k * N + i] > 0) {
            on++;
            if (f_t[j * N + i] > 0) both++;
          }
        seen[j * n + k] = Math.min(both, on - both) / N;
      }
    return seen;
  }

  /* Cosine of two rows, biases included; in the distance that the square has, so that it does not depend on units. */
  function cosine(one, j, other, k) {
    const a = one.rows, b = other.rows;
    const dot = a[3 * j] * b[3 * k] + a[3 * j + 1] * b[3 * k + 1] + a[3 * j + 2] * b[3 * k + 2];
    return dot / (hypot(a, 3 * j, 3) * hypot(b, 3 * k, 3) || 1);
  }

  // --- experiments ---

  const tick = (value) => Math.max(0, Math.min(TICKS - 1, Math.round((value / REACH + 1) * (TICKS / 2))));
  const place = (ticks) => ((2 * ticks) / TICKS - 1) * REACH;

  /* Lines of the teacher, [angle, offset] in ticks: directions evenly spread, distances random. */
  function teacherLines(of) {
    const key = keyOf(of.seed, "teacher"), lines = [];
    for (let j = 0; j < of.nodes; j++) {
      const half = (j + 0.1 + 0.8 * uniform(key, 3 * j)) / (2 * of.nodes); // of a turn
      const turn = half + (uniform(key, 3 * j + 1) < 0.5 ? 0 : 0.5);
      lines.push([Math.round(turn * TICKS) % TICKS, tick((uniform(key, 3 * j + 2) - 0.5) * REACH)]);
    }
    return lines;
  }

  /* Unit rows on the lines; fan-out norms are exactly j^-polarity. */
  function teacherOf(of, lines) {
    const net = network(of.nodes, of.outputs, of.slope), key = keyOf(of.seed, "fan-out");
    lines.forEach(([angle, offset], j) => {
      const turn = (2 * Math.PI * angle) / TICKS;
      net.rows.set([Math.cos(turn), Math.sin(turn), place(offset)], 3 * j);
      for (let o = 0; o < net.c; o++) net.fan[j * net.c + o] = normal(key, j * net.c + o);
      const scale = (j + 1) ** -of.polarity / fanOut(net, j);
      for (let o = 0; o < net.c; o++) net.fan[j * net.c + o] *= scale;
    });
    return net;
  }

  /* Samples (N x 2): anywhere in the square; in threes across the teacher's lines; or drawn by hand, in ticks. */
  function samplesOf(of, teacher) {
    if (of.kind === "drawn") return Float64Array.from(of.points, place);
    const key = keyOf(of.seed, "samples"), x = new Float64Array(2 * of.samples);
    if (of.kind === "random") return x.map((_, i) => REACH * (2 * uniform(key, i) - 1));
    for (let i = 0; i < of.samples; i++) {
      const third = Math.floor(i / 3), j = third % teacher.n, side = (i % 3) - 1;
      const [w0, w1, b] = teacher.rows.subarray(3 * j, 3 * j + 3);
      const along = REACH * (2 * uniform(key, 2 * third) - 1), across = side * (0.1 + 0.4 * uniform(key, 2 * third + 1));
      x[2 * i] = (across - b) * w0 - along * w1;
      x[2 * i + 1] = (across - b) * w1 + along * w0;
    }
    return x;
  }

  /* A random start, or one of the exact cases of the theorem's corners, a little disturbed. */
  function startOf(of, teacher) {
    const net = network(of.nodes * of.over, of.outputs, of.slope), key = keyOf(of.seed, "start");
    let drawn = 0;
    for (const part of [net.rows, net.fan, net.bias])
      for (let i = 0; i < part.length; i++) part[i] = START * normal(key, drawn++);
    return net;
  }

  /* Midpoints of side x side equal squares. */
  function gridOf(side) {
    const x = new Float64Array(2 * side * side);
    for (let i = 0; i < side * side; i++) {
      x[2 * i] = ((2 * (i % side) + 1) / side - 1) * REACH;
      x[2 * i + 1] = ((2 * Math.floor(i / side) + 1) / side - 1) * REACH;
    }
    return x;
  }

  function meanSquare(y, target) {
    let sum = 0;
    for (let i = 0; i < y.length; i++) sum += (y[i] - target[i]) ** 2;
    return sum / y.length;
  }

  /* What teacher node j's kink still lacks, as a share of it: 0 when the students on its line make it all.

  The theorem's sum rule: over the students on the line of teacher j, |w_k| v_k adds up to |w_j| v_j. */
  function lacking(teacher, j, student) {
    const { c } = teacher, lacks = new Float64Array(c), norm = hypot(teacher.rows, 3 * j, 2);
    for (let o = 0; o < c; o++) lacks[o] = norm * teacher.fan[j * c + o];
    const whole = hypot(lacks, 0, c);
    for (let k = 0; k < student.n; k++) {
      if (Math.abs(cosine(teacher, j, student, k)) < ON_LINE) continue;
      const w = hypot(student.rows, 3 * k, 2);
      for (let o = 0; o < c; o++) lacks[o] -= w * student.fan[k * c + o];
    }
    return hypot(lacks, 0, c) / whole;
  }

  /* One experiment that can be stepped, looked at, rewound and changed. */
  function experiment(of) {
    const side = of.nodes * of.over > 200 ? 24 : 48, grid = gridOf(side), key = keyOf(of.seed, "batches");
    const most = 512; // samples that the training loss is measured on
    let teacher, truth, x, targets, student, step_ = 0, base, history = [], found, diverged = false;

    function aim() {
      teacher = teacherOf(of, of.lines || teacherLines(of));
      truth = { f: hidden(teacher, grid) };
      truth.y = outputs(teacher, truth.f);
      x = samplesOf(of, teacher);
      targets = outputs(teacher, hidden(teacher, x));
    }

    function look(net) {
      const f = hidden(net, grid), y = outputs(net, f), some = x.subarray(0, 2 * most);
      const seen = outputs(net, hidden(net, some));
      return { f, y, loss: meanSquare(y, truth.y), train: meanSquare(seen, targets.subarray(0, seen.length)) };
    }

    function record() {
      const { loss, train } = look(student);
      for (let j = 0; j < teacher.n; j++) if (!(j in found) && lacking(teacher, j, student) < 0.5) found[j] = step_;
      history.push({ step: step_, student: copy(student), loss, train, found: { ...found } });
    }
    const due = () => Math.max(step_ + 1, Math.ceil(step_ * 1.05)); // times to look are even on a log scale

    aim();
    student = startOf(of, teacher);
    base = { step: 0, student: copy(student) };
    found = {};
    record();

    /* Train up to ``steps`` steps, for about ``budget`` milliseconds at most. */
    function advance(steps, budget = Infinity) {
      const picks = new Int32Array(of.batch), N = x.length / 2, start = now(), first = step_;
      let next = due();
      while (N && !diverged && step_ < first + steps) {
        if (!step(student, x, targets, batch(key, step_, of.batch, N, picks), of.rate)) {
          diverged = true;
          student = copy(history[history.length - 1].student);
          break;
        }
        if (++step_ === next) {
          record();
          next = due();
        }
        if (step_ % 16 === 0 && now() - start > budget) break;
      }
      return { steps: step_ - first, milliseconds: now() - start };
    }

    return { advance, of };
  }
  const now = () => performance.now();

  return {
    REACH, TICKS, FOUND, START, word, keyOf, uniform, normal, batch, network, copy, fanOut, strength, hidden, outputs, step,
    correlation, observability, cosine, tick, place, teacherLines, teacherOf, samplesOf,
  };
}

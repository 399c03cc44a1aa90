/* The mathematics of the playground: a two-layer teacher and student of two inputs, and stochastic gradient descent.

Conventions are those of ts_core/networks.py: J = 1/2 E |f* - f|^2, summed over outputs; the reported loss is
2 J / c. A network is {n, c, slope, rows, fan, bias}: rows (n x 3) of first-layer weights with the bias last,
fan (n x c) of fan-out weights, bias (c) of the outputs. A test holds it to ts_core.

One function with everything inside, so that its own text can become a worker: pages opened as files may load
neither modules nor workers. */
function teacherStudent() {
"use strict";

const REACH = 2; // inputs lie in the square [-REACH, REACH]^2
const TICKS = 4096; // angles and positions that an address can hold
const HALF = 0.5; // of a kink: a teacher node counts as specialized when less than this is lacking
const NEAR = 0.2; // lines that are less apart count as one: 11 degrees, or 5 % of the width of the square
const CLOSE = 0.05; // copies are less apart
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

Of a hidden unit, dJ/dz = -sigma'(z) v^T (f* - f): when one is moved, no other needs it any more. Samples on
which a unit is not zero are listed and taken two at a time, a third faster; an odd one is joined by number
``size``, of which nothing is left to learn. */
function step(student, x, targets, picks, rate) {
	const { n, c, slope, rows, fan, bias } = student, size = picks.length;
	const { seen, residual, active, on, counts, slant } = scratch(size, n, c), most = size + 1;
	for (let i = 0; i < size; i++) {
		const p = picks[i];
		seen[2 * i] = x[2 * p];
		seen[2 * i + 1] = x[2 * p + 1];
		for (let o = 0; o < c; o++) residual[i * c + o] = targets[p * c + o] - bias[o];
	}
	for (let k = 0; k < n; k++) {
		const w0 = rows[3 * k], w1 = rows[3 * k + 1], b = rows[3 * k + 2], v = k * c, at = k * most;
		let count = 0;
		for (let i = 0; i < size; i++) {
			const z = w0 * seen[2 * i] + w1 * seen[2 * i + 1] + b, a = z > 0 ? z : slope * z;
			on[at + count] = i;
			active[at + count] = a;
			if (a !== 0) count++;
		}
		if (count % 2) {
			on[at + count] = size;
			active[at + count++] = 0;
		}
		counts[k] = count;
		for (let j = at; j < at + count; j += 2) {
			const a = active[j], a_ = active[j + 1], p = on[j] * c, p_ = on[j + 1] * c;
			for (let o = 0; o < c; o++) {
				const w = fan[v + o];
				residual[p + o] -= a * w;
				residual[p_ + o] -= a_ * w;
			}
		}
	}
	for (let i = 0; i < size * c; i++) if (!(Math.abs(residual[i]) < 1e6)) return false;
	const eta = rate / size;
	for (let k = 0; k < n; k++) {
		const v = k * c, at = k * most, end = at + counts[k];
		let d0 = 0, d1 = 0, db = 0;
		for (let o = 0; o < c; o++) slant[o] = 0;
		for (let j = at; j < end; j += 2) {
			const a = active[j], a_ = active[j + 1], i = on[j], i_ = on[j + 1], p = i * c, p_ = i_ * c;
			let s = 0, s_ = 0;
			for (let o = 0; o < c; o++) {
				const r = residual[p + o], r_ = residual[p_ + o], w = fan[v + o];
				s += w * r;
				s_ += w * r_;
				slant[o] += a * r + a_ * r_;
			}
			const g = a > 0 ? s : slope * s, g_ = a_ > 0 ? s_ : slope * s_;
			d0 += g * seen[2 * i] + g_ * seen[2 * i_];
			d1 += g * seen[2 * i + 1] + g_ * seen[2 * i_ + 1];
			db += g + g_;
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
		const make = (length) => new Float64Array(length), most = size + 1;
		room = {
			size, n, c, seen: make(2 * most), residual: make(c * most), active: make(n * most), slant: make(c),
			on: new Int32Array(n * most), counts: new Int32Array(n),
		};
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
	const N = f_t.length / m, seen = new Float64Array(m * n), on = new Int32Array(N);
	for (let k = 0; k < n; k++) {
		let count = 0;
		for (let i = 0; i < N; i++) if (f_s[k * N + i] > 0) on[count++] = i;
		for (let j = 0; j < m; j++) {
			let both = 0;
			for (let i = 0; i < count; i++) if (f_t[j * N + on[i]] > 0) both++;
			seen[j * n + k] = Math.min(both, count - both) / N;
		}
	}
	return seen;
}

/* Lines of the hidden units: unit normal and offset, three numbers each. */
function linesOf({ n, rows }) {
	const lines = rows.slice();
	for (let k = 0; k < n; k++) {
		const norm = hypot(rows, 3 * k, 2) || 1;
		for (let i = 3 * k; i < 3 * k + 3; i++) lines[i] /= norm;
	}
	return lines;
}

/* Squared distance of two of them: whatever their sides, or with them. */
function apart(a, j, b, k, side = Math.abs) {
	const a0 = a[3 * j], a1 = a[3 * j + 1], a2 = a[3 * j + 2], b0 = b[3 * k], b1 = b[3 * k + 1], b2 = b[3 * k + 2];
	const squares = a0 * a0 + a1 * a1 + a2 * a2 + b0 * b0 + b1 * b1 + b2 * b2;
	return squares - 2 * side(a0 * b0 + a1 * b1 + a2 * b2);
}
const near = (a, j, b, k) => apart(a, j, b, k) <= NEAR * NEAR; // they count as one

// --- experiments ---

const tick = (value) => Math.max(0, Math.min(TICKS - 1, Math.round((value / REACH + 1) * (TICKS / 2))));
const place = (ticks) => ((2 * ticks) / TICKS - 1) * REACH;

/* Lines of the teacher, [angle, offset] in ticks: directions evenly spread, distances random.

Where students are to look away from it, the first cuts a corner off, and the others face the other way. */
function teacherLines({ seed, nodes, start }) {
	const key = keyOf(seed, "teacher"), u = (i) => uniform(key, i);
	const corner = (Math.floor(4 * u(90)) + 0.5) / 4 + 0.03 * (u(91) - 0.5);
	return Array.from({ length: nodes }, (_, j) => {
		if (start === "away") {
			const turn = j ? corner + 0.5 + ((j - 0.5) / (nodes - 1) - 0.5) / 4 : corner;
			return [Math.floor(turn * TICKS) % TICKS, tick(j ? 0.8 * u(j) - 0.6 : -REACH)];
		}
		const half = (j + 0.1 + 0.8 * u(3 * j)) / (2 * nodes), turn = half + (u(3 * j + 1) < 0.5 ? 0 : 0.5);
		return [Math.round(turn * TICKS) % TICKS, tick((u(3 * j + 2) - 0.5) * REACH)];
	});
}

/* Teacher and student from base64url of 32-bit floats: m, n, C, then rows, fan and bias of both. */
function given(text, slope) {
	const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
	const all = new Float32Array(bytes.buffer), [m, n, c] = all;
	if (all.length !== 3 + (m + n) * (3 + c) + 2 * c || !all.every(Number.isFinite)) throw RangeError();
	let at = 3;
	return [m, n].map((size) => {
		const net = network(size, c, slope);
		for (const part of [net.rows, net.fan, net.bias]) part.set(all.subarray(at, (at += part.length)));
		return net;
	});
}

/* Unit rows on the lines; fan-out norms are exactly j^-polarity. Those of a given teacher stay as they are. */
function teacherOf(of, lines = []) {
	const net = of.weights ? given(of.weights, of.slope)[0] : network(of.nodes, of.outputs, of.slope), { c } = net;
	const key = keyOf(of.seed, "fan-out");
	lines.forEach(([angle, offset], j) => {
		const turn = (2 * Math.PI * angle) / TICKS, norm = hypot(net.rows, 3 * j, 2) || 1;
		net.rows.set([Math.cos(turn), Math.sin(turn), place(offset)].map((v) => v * norm), 3 * j);
		if (of.weights) return;
		const v = net.fan.subarray(j * c, j * c + c).map((_, o) => normal(key, j * c + o)), scale = (j + 1) ** -of.polarity / hypot(v, 0, c);
		net.fan.set(v.map((one) => one * scale), j * c);
	});
	return net;
}

/* Samples (N x 2): anywhere in the square; where its second input is 0; in threes across the teacher's lines; or drawn by hand, in ticks. */
function samplesOf(of, teacher) {
	if (of.kind === "drawn") return Float64Array.from(of.points, place);
	const key = keyOf(of.seed, "samples"), x = new Float64Array(2 * of.samples);
	const anywhere = (_, i) => REACH * (2 * uniform(key, i) - 1);
	if (of.kind === "random") return x.map(anywhere);
	if (of.kind === "line") return x.map((_, i) => (i % 2 ? 0 : anywhere(_, i)));
	for (let i = 0; i < of.samples; i++) {
		const third = Math.floor(i / 3), j = third % teacher.n, side = (i % 3) - 1;
		const [w0, w1, b] = teacher.rows.subarray(3 * j, 3 * j + 3);
		const along = REACH * (2 * uniform(key, 2 * third) - 1), across = side * (0.1 + 0.4 * uniform(key, 2 * third + 1));
		x[2 * i] = (across - b) * w0 - along * w1;
		x[2 * i + 1] = (across - b) * w1 + along * w0;
	}
	return x;
}

const width = ({ nodes, over }) => Math.max(1, Math.round(nodes * over)); // of a student

/* Students drawn at random; all looking away from teacher 1; or the teacher's mirror images, disturbed.

Mirror images are exact on the square but for the disturbance: sigma(z) = sigma(-z) + z, and nodes that are
on everywhere make the linear part. */
function startOf(of, teacher) {
	const net = network(width(of), of.outputs, of.slope), { n, c, rows, fan, bias } = net;
	const key = keyOf(of.seed, "start"), m = teacher.n;
	let drawn = 0;
	if (of.start === "mirrored" && n >= 2 * m) {
		const lift = 4, share = 0.6; // of the nodes that are always on: their offset, their part of w and v
		for (let j = 0; j < m; j++) {
			const [w0, w1, b] = teacher.rows.subarray(3 * j, 3 * j + 3);
			rows.set([-w0, -w1, -b], 3 * j);
			rows.set([share * w0, share * w1, share * (b + lift)], 3 * (j + m));
			for (let o = 0; o < c; o++) {
				const v = teacher.fan[j * c + o];
				fan[j * c + o] = v;
				fan[(j + m) * c + o] = v / share;
				bias[o] -= lift * v;
			}
		}
	}
	for (const part of [rows, fan, bias])
		for (let i = 0; i < part.length; i++) part[i] += START * normal(key, drawn++);
	if (of.start === "away") {
		const behind = Math.atan2(teacher.rows[1], teacher.rows[0]) + Math.PI;
		for (let k = 0; k < n; k++) {
			const turn = behind + 1.2 * (uniform(key, drawn++) - 0.5), b = 0.8 * uniform(key, drawn++) - 0.6;
			rows.set([0.3 * Math.cos(turn), 0.3 * Math.sin(turn), 0.3 * b], 3 * k);
		}
	}
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

/* What the kink of each teacher node still lacks, as a share of it: 0 when the students on its line make it all.

The theorem's sum rule: over the students on the line of teacher j, |w_k| v_k adds up to |w_j| v_j. */
function lacking(teacher, student) {
	const { c } = teacher, [lines_t, lines] = [teacher, student].map(linesOf);
	return Array.from({ length: teacher.n }, (_, j) => {
		const norm = hypot(teacher.rows, 3 * j, 2), lacks = teacher.fan.slice(c * j, c * j + c).map((v) => norm * v);
		for (let k = 0; k < student.n; k++) {
			if (!near(lines_t, j, lines, k)) continue;
			const w = hypot(student.rows, 3 * k, 2);
			for (let o = 0; o < c; o++) lacks[o] -= w * student.fan[k * c + o];
		}
		return hypot(lacks, 0, c) / strength(teacher, j);
	});
}

/* One experiment that can be stepped, looked at, rewound and changed. ``of`` holds the settings of the page. */
function experiment(of) {
	const many = width(of) > 200; // students: then it is looked at less closely, that all moves
	const side = many ? 24 : 32, grid = gridOf(side), key = keyOf(of.seed, "batches");
	let teacher, truth, x, targets, student, steps, base, found = {}, history = [], diverged = false;

	function aim() {
		teacher = teacherOf(of, of.lines || (of.weights ? [] : teacherLines(of)));
		truth = { f: hidden(teacher, grid) };
		truth.y = outputs(teacher, truth.f);
		x = samplesOf(of, teacher);
		targets = outputs(teacher, hidden(teacher, x));
	}

	/* What a student does on the whole square, its loss there, and that on (the first) samples. */
	function look(net) {
		const f = hidden(net, grid), y = outputs(net, f), seen = outputs(net, hidden(net, x.subarray(0, 512)));
		return { f, y, loss: meanSquare(y, truth.y), train: meanSquare(seen, targets) };
	}

	function record() {
		const { loss, train } = look(student);
		lacking(teacher, student).forEach((lacks, j) => {
			if (!(j in found) && lacks < HALF) found[j] = steps;
		});
		if (history.at(-1)?.steps === steps) history.pop();
		history.push({ steps, student: structuredClone(student), base, loss, train, found: { ...found } });
	}

	function rebase() {
		base = { steps, student: structuredClone(student) };
		lacking(teacher, student).forEach((lacks, j) => {
			if (!(lacks < HALF)) delete found[j];
		});
		record();
	}

	aim();
	student = of.weights ? given(of.weights, of.slope)[1] : startOf(of, teacher);
	steps = 0;
	rebase();

	/* Train ``most`` steps, for about ``budget`` milliseconds. It is looked at evenly on the scale of log steps. */
	function advance(most, budget = Infinity) {
		const picks = new Int32Array(of.batch), N = x.length / 2, start = performance.now(), first = steps;
		const due = () => Math.max(steps + 1, Math.ceil(steps * (many ? 1.2 : 1.05)));
		for (let next = due(); N && !diverged && steps < first + most; ) {
			if (!step(student, x, targets, batch(key, steps, of.batch, N, picks), of.rate)) {
				diverged = true;
				student = structuredClone(history.at(-1).student);
			} else if (++steps === next) {
				record();
				next = due();
			}
			if (steps % 16 === 0 && performance.now() - start > budget) break;
		}
		return { trained: steps - first, milliseconds: performance.now() - start };
	}

	/* Everything a picture needs; of now, or of an earlier time. */
	function frame(at, whole = !many) {
		const past = at < history.length - 1 && history[at], shown = past || { steps, student, found };
		const net = shown.student, { f, y, loss, train } = look(net), { n, c } = net;
		const rho = correlation(truth.f, teacher.n, f, n), N = side * side, error = new Float32Array(N);
		const [lines_t, lines] = [teacher, net].map(linesOf);
		for (let i = 0; i < N * c; i++) y[i] -= truth.y[i];
		for (let i = 0; i < N; i++) error[i] = hypot(y, i * c, c);
		const of_nodes = (net, best) =>
			Array.from({ length: net.n }, (_, k) => ({
				row: [...net.rows.subarray(3 * k, 3 * k + 3)],
				fanOut: fanOut(net, k), strength: strength(net, k), ...best(k),
			}));
		const lacks = lacking(teacher, net), seen = observability(truth.f, teacher.n, f, n);
		const teachers = of_nodes(teacher, (j) => ({
			best: Math.max(...rho.subarray(j * n, (j + 1) * n)), seen: seen.subarray(j * n, (j + 1) * n).filter(Boolean).length,
			lacking: lacks[j], found: shown.found[j],
		}));
		const alone = (k) => { // on a line of its own
			for (let j = 0; j < teacher.n; j++) if (near(lines_t, j, lines, k)) return false;
			for (let i = 0; i < n; i++) if (i !== k && near(lines, i, lines, k)) return false;
			return true;
		};
		const students = of_nodes(net, (k) => {
			let partner = 0, on = 0;
			for (let j = 1; j < teacher.n; j++) if (rho[j * n + k] > rho[partner * n + k]) partner = j;
			for (let i = k * N; i < (k + 1) * N; i++) if (f[i] > 0) on++;
			return { best: rho[partner * n + k], partner, on: on / N, prunable: whole && on > 0 && on < N && alone(k) };
		});
		return {
			steps: shown.steps, now: steps, teachers, students, side, error, loss, train, diverged,
			scale: hypot(truth.y, 0, N * c) / side,
			at: past ? at : history.length - 1, points: Float32Array.from(x.length > 1000 ? [] : x),
			curve: history.map((one) => [one.steps, one.train, one.loss]),
		};
	}

	/* Go back to an earlier time and forget what came after. */
	function rewind(at) {
		if (at >= history.length - 1) return;
		history.length = at + 1;
		({ steps, base } = history[at]);
		found = { ...history[at].found };
		student = structuredClone(history[at].student);
		diverged = false;
	}

	/* Other samples, rate, batches or teacher lines, while the student goes on. */
	function change(settings) {
		Object.assign(of, settings);
		aim();
		rebase();
	}

	/* A student made of these groups of nodes. Those of a group lie on one line: their fan-outs add up, as in the sum rule. */
	function regroup(groups) {
		const { c } = student, net = network(groups.length, c, student.slope), norm = (k) => hypot(student.rows, 3 * k, 2);
		groups.forEach((group, i) => {
			const whole = group.reduce((sum, k) => sum + strength(student, k), 0);
			for (const k of group) {
				const size = norm(k) / norm(group[0]), share = strength(student, k) / whole / size;
				for (let d = 0; d < 3; d++) net.rows[3 * i + d] += share * student.rows[3 * k + d];
				for (let o = 0; o < c; o++) net.fan[c * i + o] += size * student.fan[c * k + o];
			}
		});
		net.bias.set(student.bias);
		const before = look(student).loss, removed = student.n - net.n;
		student = net;
		rebase();
		return { removed, before, after: look(student).loss };
	}

	/* Remove the students that the theorem calls prunable: on a line of their own, where no teacher is. */
	const prune = () => regroup(frame(-1, true).students.flatMap((one, k) => (one.prunable ? [] : [[k]])));

	/* Make one student of all that are active on the same side of one line: of copies. */
	function fuse() {
		const lines = linesOf(student), groups = [], same = (i, k) => apart(lines, i, lines, k, Number) < CLOSE * CLOSE;
		for (let k = 0; k < student.n; k++) {
			const group = groups.find(([i]) => same(i, k));
			if (group) group.push(k);
			else groups.push([k]);
		}
		return regroup(groups);
	}

	/* What it takes to repeat the run from the last change on, to the step that is looked at. */
	function origin(at) {
		const end = history[at] || history.at(-1);
		return { of, teacher, student: end.base.student, first: end.base.steps, steps: end.steps, x, key, end: end.student };
	}

	return { advance, frame, rewind, change, prune, fuse, origin };
}

return {
	REACH, TICKS, keyOf, tick, batch, hidden, outputs, step, correlation, observability, given, experiment,
};
}

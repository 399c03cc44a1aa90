/* The playground: controls, pictures and the address around the mathematics of teacher_student.js.

Every <div class="playground"> becomes one; data-small is the strip of the landing page. The text of
presets is that of the page's sections, whose anchors are their names. */
(() => {
"use strict";
const M = teacherStudent();
const range = (from, to, by = 1) => Array.from({ length: Math.round((to - from) / by) + 1 }, (_, i) => from + i * by);

// --- settings: what an experiment is, in the controls and in the address ---

const SETTINGS = {
	nodes: { label: "teacher nodes m", values: range(1, 10), value: 5 },
	over: { label: "students per teacher n/m", values: [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100], value: 4 },
	polarity: { label: "polarity p", values: range(0, 3, 0.25), value: 0.5 },
	slope: { label: "leaky slope a", values: [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9], value: 0 },
	outputs: { label: "outputs C", values: [1, 2, 3, 5, 10, 20], value: 10 },
	rate: { label: "learning rate η", values: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5], value: 0.05, live: true },
	batch: { label: "batch size", values: [1, 2, 4, 8, 16, 32, 64, 128, 256], value: 16, live: true },
	samples: { label: "samples", values: [6, 9, 12, 18, 24, 30, 60, 120, 240, 500, 1000, 2000, 4000, 10000], value: 4000, live: true },
	kind: { label: "kind of samples", names: { random: "random", line: "on one line", aware: "teacher-aware", drawn: "drawn by hand" }, value: "random", live: true },
	start: { label: "start", names: { random: "random", away: "looking away", mirrored: "mirror images" }, value: "random" },
	seed: { label: "seed", least: 0, most: 9999, value: 1 },
};
const DEFAULTS = Object.fromEntries(Object.entries(SETTINGS).map(([name, one]) => [name, one.value]));

const PRESETS = {
	"strong-first": { polarity: 1 },
	"unobserved": { nodes: 3, polarity: 0, start: "away" },
	"catalyst": { polarity: 1, over: 10 },
	"few-samples": { polarity: 0, samples: 12, batch: 8 },
	"one-line": { nodes: 4, polarity: 0, kind: "line", rate: 0.1 },
	"anti-parallel": { nodes: 4, over: 2, polarity: 0, start: "mirrored", rate: 0.02 },
	"leaky": { nodes: 3, polarity: 0, start: "away", slope: 0.2, rate: 0.1 },
	"pruning": { nodes: 4, polarity: 0, rate: 0.1 },
};
const SIZES = ["nodes", "over", "outputs"]; // those that given weights have, whatever the lists say
const ACTIONS = { // a preset's own button: what it says, and what it changes
	"catalyst": ["now with one student per teacher node", { over: 1 }],
	"few-samples": ["now with 4,000 samples", { samples: 4000 }],
	"one-line": ["now with samples everywhere", { kind: "random" }],
	"leaky": ["now without a slope", { slope: 0 }],
	"unobserved": ["now with leaky slopes", { slope: 0.2 }],
	"pruning": ["remove the prunable students"],
};

/* Ticks, below 4096, in three hexadecimal digits each. */
const pack = (ticks) => ticks.map((t) => t.toString(16).padStart(3, "0")).join("");
const unpack = (text) => (text.match(/.../g) || []).map((t) => parseInt(t, 16));

/* The address of an experiment: what differs from the defaults; a preset as it is, by its name. */
function write(of) {
	const differs = (other) => Object.keys(DEFAULTS).filter((name) => of[name] !== other[name]);
	const preset = Object.keys(PRESETS).find((name) => !differs({ ...DEFAULTS, ...PRESETS[name] }).length);
	if (preset && !of.lines && !of.weights) return `#${preset}`;
	const words = differs(DEFAULTS).filter((name) => !of.weights || !SIZES.includes(name)).map((name) => `${name}=${of[name]}`);
	if (of.weights) words.push(`weights=${of.weights}`);
	if (of.lines) words.push(`lines=${pack(of.lines.flat())}`);
	if (of.kind === "drawn") words.push(`points=${pack(of.points)}`);
	return `#${words.join("&") || "seed=" + of.seed}`;
}

/* An experiment from an address, with a sentence for everything in it that cannot be. */
function read(hash) {
	const of = { ...DEFAULTS, points: [] }, wrong = [];
	let text = "";
	try {
		text = decodeURIComponent(hash.slice(1));
	} catch {
		wrong.push("it cannot be read");
	}
	if (PRESETS[text]) return { of: Object.assign(of, PRESETS[text]), wrong, preset: text };
	for (const word of text.includes("=") ? text.split("&") : []) {
		const cut = word.indexOf("="), name = word.slice(0, cut), value = word.slice(cut + 1), one = SETTINGS[name];
		if (name === "lines" || name === "points") {
			if (/^([\da-f]{6})*$/.test(value)) of[name] = unpack(value);
			else wrong.push(`${name} cannot be read; they are left out`);
		} else if (name === "weights") {
			try {
				const [{ n, c }, student] = M.given(value, 0);
				Object.assign(of, { weights: value, nodes: n, over: student.n / n, outputs: c });
			} catch {
				wrong.push("weights cannot be read; they are left out");
			}
		} else if (!one) wrong.push(`there is no setting ${name || word}`);
		else {
			const nearest = one.names ? (one.names[value] ? value : one.value) : near(one, value);
			if (String(nearest) !== value && Number(value) !== nearest)
				wrong.push(`${name} cannot be ${value}: it is ${allowed(one)}; ${nearest} is taken`);
			of[name] = nearest;
		}
	}
	if (of.lines) {
		if (of.lines.length === 2 * of.nodes) of.lines = range(0, of.nodes - 1).map((j) => of.lines.slice(2 * j, 2 * j + 2));
		else {
			wrong.push(`lines are of ${of.lines.length / 2} teacher nodes, nodes is ${of.nodes}; they are left out`);
			delete of.lines;
		}
	}
	return { of, wrong };
}
const allowed = (one) =>
	one.names ? `one of ${Object.keys(one.names).join(", ")}`
		: one.values ? `one of ${one.values.join(", ")}` : `a whole number from ${one.least} to ${one.most}`;
function near(one, text) {
	const value = Number(text);
	if (text === "" || Number.isNaN(value)) return one.value;
	if (!one.values) return Math.max(one.least, Math.min(one.most, Math.round(value)));
	return one.values.reduce((best, v) => (Math.abs(v - value) < Math.abs(best - value) ? v : best));
}

// --- the experiment, in a worker if there can be one ---

function connect() {
	const waiting = new Map();
	let last = 0, send;
	const receive = ({ id, found }) => {
		waiting.get(id)(found);
		waiting.delete(id);
	};
	try {
		const body = `const reply = (${teacherStudent})().answer(); onmessage = ({ data }) => postMessage(reply(data));`;
		const worker = new Worker(URL.createObjectURL(new Blob([body], { type: "text/javascript" })));
		worker.onmessage = ({ data }) => receive(data);
		send = (message) => worker.postMessage(message);
	} catch {
		const reply = M.answer();
		send = (message) => setTimeout(() => receive(reply(message)));
	}
	return (ask, ...words) =>
		new Promise((resolve) => {
			waiting.set(++last, resolve);
			send({ id: last, ask, words });
		});
}

// --- the lines of ts_core that repeat a run ---

function python({ of, teacher, student, first, steps, x, key }) {
	const rows = (values, by) => {
		const lines = [];
		for (let i = 0; i < values.length; i += by) lines.push(`    [${Array.from(values.slice(i, i + by)).join(", ")}],`);
		return `[\n${lines.join("\n")}\n]`;
	};
	const network = (net) => `network(${rows(net.rows, 3)}, ${rows(net.fan, net.c)}, [${Array.from(net.bias).join(", ")}])`;
	const samples = of.kind === "random"
		? `${M.REACH} * (2 * ((words(${M.keyOf(of.seed, "samples")}, np.arange(${x.length})) + 0.5) / 2**32) - 1)`
		: `np.array(${rows(x, 2)})`;
	return `from itertools import count

import numpy as np
import torch

from ts_core.activations import LeakyReLU
from ts_core.networks import Network, two_layer
from ts_core.training.batches import given
from ts_core.training.sgd import train

network = lambda *parts: Network(two_layer(*map(torch.tensor, parts)).weights, LeakyReLU(${of.slope}))


def words(key, places):
    """32 bits for each place: mulberry32, entered there."""
    mask = np.uint64(0xFFFFFFFF)
    a = (key + (places.astype(np.uint64) + 1) * 0x6D2B79F5) & mask
    a = (a ^ (a >> 15)) * (a | 1) & mask
    a ^= a + (a ^ (a >> 7)) * (a | 61) & mask
    return a ^ (a >> 14)


torch.set_default_dtype(torch.float64)
teacher = ${network(teacher)}
start = ${network(student)}  # after step ${first}
x = ${samples}
x = torch.from_numpy(x.reshape(1, -1, 2))
batch = lambda step: words(${key}, step * ${of.batch} + np.arange(${of.batch})) * x.shape[1] >> 32
ends = []
train(
    teacher,
    [start],
    given(x, (batch(step).astype(int) for step in count(${first}))),
    learning_rate=${of.rate},
    snapshots=[${steps - first}],
    on_snapshot=lambda step, students: ends.extend(students),
)
(student,) = ends  # after step ${steps}
`;
}

// --- pictures ---

const MAKO = [[11, 4, 5], [43, 28, 53], [62, 53, 107], [59, 86, 152], [53, 123, 163], [53, 159, 171], [75, 194, 173], [153, 221, 182], [222, 245, 229]];
const SHADES = Array.from({ length: 256 }, (_, i) => {
	const at = (i / 255) * (MAKO.length - 1), low = Math.min(MAKO.length - 2, Math.floor(at));
	return MAKO[low].map((v, c) => v + (at - low) * (MAKO[low + 1][c] - v));
});
const TAU = 2 * Math.PI;

/* The canvas, as large as it is shown. */
function fit(canvas) {
	const { clientWidth: w, clientHeight: h } = canvas, ratio = Math.min(3, devicePixelRatio || 1);
	if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
		canvas.width = Math.round(w * ratio);
		canvas.height = Math.round(h * ratio);
	}
	const g = canvas.getContext("2d");
	g.setTransform(ratio, 0, 0, ratio, 0, 0);
	g.clearRect(0, 0, w, h);
	return { g, w, h };
}

function path(g, points, style, width, dash = []) {
	Object.assign(g, { strokeStyle: style, lineWidth: width });
	g.setLineDash(dash);
	g.beginPath();
	for (const point of points) g.lineTo(...point);
	g.stroke();
	g.setLineDash([]);
}

function disc(g, x, y, radius, fill, ring, width = 1.4) {
	g.beginPath();
	g.arc(x, y, radius, 0, TAU);
	Object.assign(g, { fillStyle: fill || "#0000", strokeStyle: ring || "#0000", lineWidth: width });
	g.fill();
	g.stroke();
}

function label(g, text, x, y, style, align = "center", baseline = "middle", font = "11.5px") {
	Object.assign(g, { fillStyle: style, textAlign: align, textBaseline: baseline, font: `${font} system-ui, sans-serif` });
	g.fillText(text, x, y);
}

/* The two points where the line of a row leaves the square, in inputs; null outside of it. */
function ends([w0, w1, b]) {
	const norm2 = w0 * w0 + w1 * w1, x = -b * w0 / norm2, y = -b * w1 / norm2, R = M.REACH;
	let [from, to] = [-Infinity, Infinity];
	for (const [p, d] of [[x, -w1], [y, w0]]) {
		if (Math.abs(d) < 1e-12 * Math.sqrt(norm2)) { if (Math.abs(p) > R) return null; continue; }
		const [s, t] = [(-R - p) / d, (R - p) / d];
		from = Math.max(from, Math.min(s, t));
		to = Math.min(to, Math.max(s, t));
	}
	return from < to ? [[x - from * w1, y + from * w0], [x - to * w1, y + to * w0]] : null;
}

const field = document.createElement("canvas");
function paintPlane(canvas, frame, look) {
	const { g, w, h } = fit(canvas), { side, error, scale } = frame, R = M.REACH;
	const at = ([x, y]) => [(x / R + 1) * (w / 2), (1 - y / R) * (h / 2)];
	field.width = field.height = side;
	const pixels = new ImageData(side, side);
	for (let i = 0; i < side * side; i++) {
		const value = 1 + Math.log10(error[i] / scale + 1e-9) / 3; // three decades
		const shade = SHADES[Math.max(0, Math.min(255, Math.round(190 * value)))];
		const to = 4 * ((side - 1 - Math.floor(i / side)) * side + (i % side));
		pixels.data.set([...shade, 255], to);
	}
	field.getContext("2d").putImageData(pixels, 0, 0);
	g.imageSmoothingQuality = "high";
	g.drawImage(field, 0, 0, w, h);
	const strongest = Math.max(...frame.teachers.map((t) => t.strength));
	const line = (row, ...look) => path(g, (ends(row) || []).map(at), ...look);
	const thick = (node) => 0.5 + 4 * Math.min(1.5, node.strength / strongest) * Math.min(1, w / 420);
	const halfPlane = ([w0, w1, b], style) => { // where a node is active
		const norm2 = w0 * w0 + w1 * w1, [x, y] = at([(-b * w0) / norm2, (-b * w1) / norm2]);
		g.save();
		g.translate(x, y);
		g.rotate(Math.atan2(-w1, w0));
		g.fillStyle = style;
		g.fillRect(0, -2 * w, 4 * w, 4 * w);
		g.restore();
	};
	if (!look.small && frame.points.length <= 1000) {
		g.fillStyle = "#fffc";
		for (let i = 0; i < frame.points.length; i += 2) {
			const [x, y] = at([frame.points[i], frame.points[i + 1]]);
			disc(g, x, y, frame.points.length > 200 ? 1 : 2.5, "#fffc");
		}
	}
	const chosen = look.node && frame[look.node.of][look.node.k];
	if (chosen) halfPlane(chosen.row, "rgba(255,180,60,.2)");
	const dense = Math.max(0.25, Math.min(0.95, 60 / frame.students.length));
	for (const s of frame.students) line(s.row, `rgba(255,255,255,${dense})`, thick(s));
	frame.teachers.forEach((t) => line(t.row, "#ff6f83", Math.max(1.4, thick(t) * 0.8), [7, 5]));
	if (chosen) line(chosen.row, "#ffb43d", thick(chosen) + 1.5, look.node.of === "teachers" ? [7, 5] : []);
	frame.badges.forEach((end, j) => {
		if (!end || look.small) return;
		const [x, y] = at(end).map((v) => Math.max(11, Math.min(w - 11, v)));
		disc(g, x, y, 9, frame.teachers[j].found === undefined ? "#1b1324" : "#d1495b", "#ff6f83");
		label(g, j + 1, x, y + 0.5, "#fff", "center", "middle", "600 11px");
	});
	if (look.pen) {
		const [x, y] = at(look.pen);
		disc(g, x, y, 6, null, "#fff");
	}
}
/* The end of every teacher line that has its badge: far from the badges before. */
function badgesOf(teachers) {
	const found = [], free = (end) => Math.min(9, ...found.map((b) => (b ? Math.hypot(b[0] - end[0], b[1] - end[1]) : 9)));
	for (const { row } of teachers) {
		const [one, other] = ends(row) || [];
		found.push(one && (free(one) > 0.3 || free(one) >= free(other) ? one : other));
	}
	return found;
}

/* Axes {from, to, log, ticks, label} of a plot; returns where values lie. */
function axes({ g, w, h }, ink, x, y) {
	const [left, right, top, bottom] = [38, w - 8, 8, h - 30];
	const along = (a, from, to) => (v) => {
		const [p, q, r] = a.log ? [v, a.from, a.to].map(Math.log10) : [v, a.from, a.to];
		return from + ((p - q) / (r - q)) * (to - from);
	};
	const X = along(x, left, right), Y = along(y, bottom, top);
	for (const [v, text] of x.ticks) {
		path(g, [[X(v), top], [X(v), bottom]], ink.grid, 1);
		label(g, text, Math.min(X(v), right - 4), bottom + 3, ink.text, "center", "top");
	}
	for (const [v, text] of y.ticks) {
		path(g, [[left, Y(v)], [right, Y(v)]], ink.grid, 1);
		label(g, text, left - 4, Y(v), ink.text, "right");
	}
	label(g, x.label, (left + right) / 2, bottom + 16, ink.text, "center", "top");
	return { X, Y, top, bottom };
}
const SUPER = (e) => "10" + String(e).replace(/./g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] || "⁻");
const powers = (from, to) => range(Math.ceil(from - 1e-9), Math.floor(to + 1e-9));

function paintShape(canvas, frame, look, ink) {
	const space = fit(canvas), { g } = space;
	const most = Math.max(1, ...frame.teachers.map((t) => t.fanOut), ...frame.students.map((s) => s.fanOut));
	const to = Math.ceil(most * 2.1) / 2, by = to > 4 ? Math.ceil(to / 4) : to > 2 ? 1 : 0.5;
	const P = axes(space, ink,
		{ from: 0, to, ticks: range(0, Math.floor(to / by)).map((i) => [i * by, String(i * by)]), label: "fan-out norm ‖v‖" },
		{ from: 0, to: 1.03, ticks: [[0, "0"], [0.5, ".5"], [1, "1"]] });
	const dots = frame.students.map((s, k) => [P.X(s.fanOut), P.Y(Math.max(0, s.best)), k]);
	const radius = frame.students.length > 200 ? 2 : 3.6;
	for (const [x, y, k] of dots) disc(g, x, y, radius, frame.students[k].best > 0.95 && ink.student, ink.student);
	const mine = (k) => look.node && (look.node.of === "students" ? look.node.k === k : frame.students[k].partner === look.node.k);
	for (const [x, y, k] of dots) if (mine(k)) disc(g, x, y, radius + 2.5, null, ink.accent, 2);
	return dots;
}

function paintLoss(canvas, frame, look, ink, ghost) {
	const space = fit(canvas), { g } = space, curve = frame.curve.filter((c) => c[0] > 0);
	const values = [...frame.curve, ...(ghost || [])].flatMap((c) => [c[1], c[2]]).filter((v) => v > 0);
	const last = Math.max(100, frame.now, ...(ghost || []).map((c) => c[0]));
	const top = Math.ceil(Math.log10(Math.max(...values, 1e-30))), low = Math.max(-16, Math.min(top - 2, Math.floor(Math.log10(Math.min(...values, 1)))));
	const many = Math.ceil((top - low) / 4), wide = Math.log10(last);
	const P = axes(space, ink,
		{ from: 1, to: last, log: true, ticks: powers(0, wide).map((e) => [10 ** e, e % (wide > 4 ? 2 : 1) ? "" : SUPER(e)]), label: "step" },
		{ from: 10 ** low, to: 10 ** top, log: true, ticks: powers(low, top).filter((e) => (e - low) % many === 0).map((e) => [10 ** e, SUPER(e)]) });
	const draw = (points, column, ...style) =>
		path(g, points.map((c) => [P.X(Math.max(1, c[0])), P.Y(Math.max(10 ** low, c[column]))]), ...style);
	if (ghost) draw(ghost, 2, ink.ghost, 2);
	draw(curve, 1, ink.student, 1.4, [4, 3]);
	draw(curve, 2, ink.text, 1.8);
	frame.teachers.forEach(({ found }, j) => { // when a teacher node was specialized
		const there = frame.curve.find((c) => c[0] >= found);
		if (!there) return;
		const [x, y] = [P.X(Math.max(1, found)), P.Y(there[2])];
		disc(g, x, y, 7.5, ink.teacher);
		label(g, j + 1, x, y + 0.5, "#fff", "center", "middle", "600 10px");
	});
	const x = P.X(Math.max(1, frame.steps));
	if (frame.at < frame.curve.length - 1) path(g, [[x, P.top], [x, P.bottom]], ink.accent, 1.5);
	return P;
}

// --- one playground ---

const element = (name, settings = {}, ...children) => {
	const found = document.createElement(name);
	for (const [key, value] of Object.entries(settings))
		key.startsWith("on") ? found.addEventListener(key.slice(2), value) : found.setAttribute(key, value);
	found.append(...children);
	return found;
};
const say = (value) =>
	!value || Math.abs(value) >= 0.001 ? Number(value.toPrecision(3)).toLocaleString("en")
		: value.toExponential(1).replace(/e(.*)/, (_, e) => ` · ${SUPER(e)}`);
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const PACES = { "one by one": 0, steady: 1.2, "full speed": 1e9 }; // growth of the step number per second

function playground(home) {
	const small = "small" in home.dataset, call = connect();
	const state = { at: -1, speed: 0, pace: "steady", visible: true, turned: 0, playing: false };
	const canvases = Object.fromEntries(["plane", "shape", "loss"].map((name) => [name, element("canvas", { class: `pg-${name}`, role: "img" })]));
	const { plane, shape, loss } = canvases;
	let dots = [], scale_ = null, chain = Promise.resolve();
	const queue = (work) => (chain = chain.then(work));

	// markup
	const caption = (canvas, title) => element("figure", { class: "pg-figure" }, element("figcaption", {}, title), canvas);
	const button = (text, name, onclick) => element("button", { type: "button", "aria-label": name, title: name, onclick }, text);
	const play = button("▶", "play", () => (state.playing ? pause() : resume()));
	const count = element("output", { class: "pg-count" });
	const stage = element("div", { class: "pg-stage" },
		plane,
		caption(shape, element("span", {}, "Students: ", element("b", {}, "correlation"), " with their best teacher")),
		caption(loss, element("span", {}, element("b", {}, "Loss"), " on the square, ", element("i", {}, "on the samples"))));
	const parts = { controls: {} };

	function tell(text) {
		if (parts.message) parts.message.textContent = text;
	}

	function paint() {
		const { frame } = state;
		if (!frame || !plane.clientWidth) return;
		const style = getComputedStyle(home), ink = {};
		for (const name of ["text", "grid", "student", "teacher", "accent", "ghost"]) ink[name] = style.getPropertyValue(`--pg-${name}`).trim();
		const look = { node: state.hover || state.node, small, pen: state.pen };
		paintPlane(plane, frame, look);
		dots = paintShape(shape, frame, look, ink);
		scale_ = paintLoss(loss, frame, look, ink, state.ghost);
		const found = frame.teachers.filter((t) => t.found !== undefined).length;
		plane.ariaLabel = `${frame.teachers.length} teacher lines, ${found} found, and ${frame.students.length} student lines`;
		shape.ariaLabel = `${frame.students.filter((s) => s.best > 0.95).length} students correlate above .95 with a teacher node`;
		loss.ariaLabel = `loss ${say(frame.loss)} on the square, ${say(frame.train)} on the samples`;
		count.textContent = `step ${frame.steps.toLocaleString("en")}` + (state.playing && state.speed ? ` · ${Math.round(state.speed).toLocaleString("en")} steps/s` : "");
		if (small) return;
		parts.time.max = frame.curve.length - 1;
		parts.time.value = frame.at;
		parts.time.ariaValueText = `step ${frame.steps}`;
		parts.node.max = frame.teachers.length + frame.students.length;
		describe(look.node);
	}

	function describe(node) {
		const { frame } = state, one = node && frame[node.of][node.k];
		const words = !one ? "Point at a line or a dot: its numbers."
			: node.of === "teachers"
				? `Teacher ${node.k + 1}: strength ${say(one.strength)}; best student correlates ${say(one.best)}; ` +
					(one.found === undefined ? `${Math.round(100 * Math.min(1, one.lacking))} % of its kink is lacking.` : `found at step ${one.found.toLocaleString("en")}.`)
				: `Student ${node.k + 1}: fan-out norm ${say(one.fanOut)}, strength ${say(one.strength)}; correlates ${say(one.best)} with teacher ${one.partner + 1}; ` +
					`active on ${Math.round(100 * one.on)} % of the square${one.prunable ? "; alone on its line" : ""}.`;
		parts.words.textContent = words;
		parts.node.ariaValueText = words;
		const at = !node ? 0 : 1 + node.k + (node.of === "students" ? frame.teachers.length : 0);
		if (!state.hover) parts.node.value = at;
	}

	/* The first element of a kind in the section of a preset. */
	const part = (name, kind) => document.getElementById(name)?.closest("section")?.querySelector(kind);

	// running
	const renew = async () => {
		receive(await call("frame", state.at));
		paint();
	};
	const receive = (frame) => (state.frame = Object.assign(frame, { badges: badgesOf(frame.teachers) }));

	function begin(of, { preset = null, keepGhost = true } = {}) {
		return queue(async () => {
			if (state.frame && keepGhost && state.frame.now > 0) state.ghost = state.frame.curve;
			if (!keepGhost) state.ghost = null;
			Object.assign(state, { of, preset, at: -1, node: null, hover: null, pen: null });
			await call("start", { ...of, points: of.points.slice() });
			await renew();
			show();
		});
	}

	function pause() {
		state.playing = false;
		show();
		paint();
	}

	function resume() {
		if (state.frame && state.frame.diverged) return;
		state.playing = true;
		show();
		requestAnimationFrame(turn);
	}

	/* What follows goes on from the time that is looked at. */
	async function present() {
		if (state.at >= 0) await call("rewind", state.at);
		state.at = -1;
	}

	async function advance(steps, budget) {
		await present();
		const before = performance.now(), known = state.frame.teachers.filter((t) => t.found !== undefined).length;
		const [{ trained }, frame] = await Promise.all([call("advance", steps, budget), call("frame", -1)]);
		receive(frame);
		if (!steps) return;
		const speed = (1000 * trained) / (performance.now() - before);
		state.speed = state.speed ? 0.9 * state.speed + 0.1 * speed : speed;
		const now = state.frame.teachers.filter((t) => t.found !== undefined);
		if (now.length > known) tell(`${now.length} of ${state.frame.teachers.length} teacher nodes found by step ${state.frame.now.toLocaleString("en")}.`);
		if (state.frame.diverged) {
			pause();
			tell(`The learning rate ${state.of.rate} is too large: the weights grow without end. Choose a smaller one and start again.`);
		}
		if (state.of.kind === "drawn" && !state.frame.points.length) {
			pause();
			tell("There are no samples yet: draw some in the square.");
		}
	}

	function turn() {
		if (!state.playing || state.busy || document.hidden || !state.visible) return;
		state.busy = true;
		queue(async () => {
			const passed = Math.min(0.25, (performance.now() - state.turned) / 1000);
			state.turned = performance.now();
			await advance(1 + Math.ceil(state.frame.now * Math.expm1(Math.min(9, passed * PACES[state.pace]))), 24);
			setTimeout(paint); // while the worker trains on
			if (small && state.frame.now > 30000) begin({ ...state.of, seed: state.of.seed + 1 }, { keepGhost: false });
			if (state.frame.now >= 2e6) pause();
		}).then(() => {
			state.busy = false;
			if (state.playing) requestAnimationFrame(turn);
		});
	}
	const wake = () => state.playing && requestAnimationFrame(turn);

	const restart = () => begin(state.of, { preset: state.preset });
	const go = () => (STILL.matches ? still() : resume());

	/* A setting is changed: some go on with the same student, others start anew. */
	function change(name, value) {
		const of = { ...state.of, [name]: value };
		if (["nodes", "seed", "start"].includes(name)) delete of.lines;
		if (of.weights && name in SETTINGS && !SETTINGS[name].live && name !== "slope") {
			delete of.weights; // others are drawn
			for (const size of SIZES) of[size] = near(SETTINGS[size], of[size]);
		}
		if (SETTINGS[name] && !SETTINGS[name].live) return begin(of).then(address);
		return queue(async () => {
			await present();
			state.of = of;
			await call("change", { [name]: Array.isArray(value) ? value.slice() : value });
			await renew();
			show();
		}).then(address);
	}

	function address() {
		if (!small) history.replaceState(null, "", write(state.of));
	}

	function show() {
		play.textContent = state.playing ? "❚❚" : "▶";
		play.title = state.playing ? "pause" : "play";
		play.ariaLabel = play.title;
		if (small) return;
		for (const [name, set] of Object.entries(parts.controls)) set(state.of[name]);
		for (const one of parts.presets.children) one.ariaPressed = one.dataset.preset === state.preset;
		const text = part(state.preset, "p"), [words, settings] = ACTIONS[state.preset] || [];
		parts.story.replaceChildren(...(text ? [text.cloneNode(true)] : []));
		const act = () => (settings ? begin({ ...state.of, ...settings }, { preset: state.preset }).then(address).then(go) : prune());
		if (words) parts.story.append(button(words, words, act));
	}

	function prune() {
		queue(async () => {
			await present();
			const { removed, before, after } = await call("prune");
			state.node = state.hover = null;
			await renew();
			tell(`${removed} students removed, ${state.frame.students.length} left: loss on the square ${say(before)} before, ${say(after)} after.`);
		});
	}

	async function load(hash, scroll) {
		const { of, wrong, preset } = read(hash);
		await begin(of, { preset: preset || null, keepGhost: false });
		tell(wrong.length ? `In the address: ${wrong.join("; ")}.` : "");
		if (scroll && preset) home.scrollIntoView({ block: "start" });
	}

	if (small) {
		document.querySelector("article figure")?.remove(); // the still picture, whose place it takes
		home.replaceChildren(stage, element("div", { class: "pg-bar" }, play, count, element("a", { href: home.dataset.link }, "play with it")));
	} else {
		build();
	}

	function build() {
		const control = (name) => {
			const one = SETTINGS[name], key = `pg-${name}`, shown = element("output", { for: key });
			let field_, set;
			if (one.values) {
				field_ = element("input", { type: "range", min: 0, max: one.values.length - 1, id: key, onchange: () => change(name, one.values[field_.value]), oninput: () => told(one.values[field_.value]) });
				const told = (value) => {
					shown.textContent = value.toLocaleString("en");
					field_.ariaValueText = value;
				};
				set = (value) => {
					field_.value = one.values.indexOf(value);
					told(value);
				};
			} else if (one.names) {
				field_ = element("select", { id: key, onchange: () => change(name, field_.value) }, ...Object.entries(one.names).map(([value, text]) => element("option", { value }, text)));
				set = (value) => (field_.value = value);
			} else {
				field_ = element("input", { type: "number", min: one.least, max: one.most, id: key, onchange: () => {
					const value = near(one, field_.value);
					if (String(value) !== field_.value) tell(`${one.label} must be ${allowed(one)}; ${value} is taken.`);
					change(name, value);
				} });
				set = (value) => (field_.value = value);
			}
			parts.controls[name] = set;
			return element("div", { class: "pg-control" }, element("label", { for: key }, one.label), shown, field_);
		};
		parts.presets = element("div", { class: "pg-presets", role: "group", "aria-label": "presets" },
			...Object.keys(PRESETS).map((name) => element("button", { type: "button", "data-preset": name, onclick: () => {
				history.replaceState(null, "", `#${name}`);
				load(`#${name}`).then(go);
			} }, part(name, "h3")?.firstChild.textContent || name)));
		parts.story = element("div", { class: "pg-story", "aria-live": "polite" });
		parts.time = element("input", { type: "range", min: 0, max: 0, "aria-label": "time", oninput: () => goTo(Number(parts.time.value)) });
		parts.node = element("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "node", oninput: () => {
			const at = Number(parts.node.value), m = state.frame.teachers.length;
			state.node = at === 0 ? null : at <= m ? { of: "teachers", k: at - 1 } : { of: "students", k: at - 1 - m };
			paint();
		} });
		parts.words = element("p", { class: "pg-words" });
		parts.message = element("p", { class: "pg-message", role: "status" });
		const pace = element("select", { "aria-label": "speed", onchange: () => (state.pace = pace.value) }, ...Object.keys(PACES).map((name) => element("option", { value: name }, name)));
		pace.value = state.pace;
		const copy = async () => {
			const box = element("textarea", { class: "pg-copy", "aria-label": "lines of ts_core", readonly: "" }, await code());
			navigator.clipboard?.writeText(box.value).catch(() => {});
			parts.message.replaceChildren("Lines of ts_core, copied if the browser allows:", box);
			box.select();
		};
		home.replaceChildren(
			parts.presets, parts.story, stage,
			element("div", { class: "pg-bar" },
				play,
				button("❘▶", "one step", () => { pause(); queue(async () => { await advance(1); paint(); }); }),
				button("↺", "restart", restart),
				pace, parts.time, count),
			element("div", { class: "pg-node" }, parts.node, parts.words),
			parts.message,
			element("div", { class: "pg-controls" }, ...Object.keys(SETTINGS).map(control)),
			element("div", { class: "pg-bar" },
				button("copy as ts_core code", "copy as ts_core code", copy),
				button("clear drawn samples", "clear drawn samples", () => change("points", []))));
		plane.tabIndex = 0;
		plane.role = "application";
		addEventListener("hashchange", () => load(location.hash, true).then(go));
	}

	const code = async () => python(await call("origin", state.at));

	function goTo(at) {
		pause();
		state.at = at >= state.frame.curve.length - 1 ? -1 : at;
		queue(renew);
	}

	// pointing, dragging, drawing
	function pointers() {
		const inputs = (event) => {
			const box = plane.getBoundingClientRect();
			return [((event.clientX - box.left) / box.width * 2 - 1) * M.REACH, (1 - (event.clientY - box.top) / box.height * 2) * M.REACH];
		};
		const reach = (event, pixels) => (event.pointerType === "touch" ? 2 : 1) * pixels * (2 * M.REACH) / plane.clientWidth;
		const least = (of, distances, within) => { // the node of the least distance below ``within``
			const k = distances.indexOf(Math.min(...distances));
			return distances[k] < within ? { of, k } : null;
		};
		const nearest = (of, [x, y], within) =>
			least(of, state.frame[of].map(({ row }) => (ends(row) ? Math.abs(row[0] * x + row[1] * y + row[2]) / Math.hypot(row[0], row[1]) : 9)), within);
		const onBadge = ([x, y], within) => least("teachers", state.frame.badges.map((end) => (end ? Math.hypot(end[0] - x, end[1] - y) : 9)), within);
		let drag = null;
		const moved = (row) => {
			const turn = Math.atan2(row[1], row[0]) / TAU, norm = Math.hypot(row[0], row[1]);
			return [((Math.round(turn * M.TICKS) % M.TICKS) + M.TICKS) % M.TICKS, M.tick(row[2] / norm)];
		};
		const lines = () => (state.of.lines || state.frame.teachers.map(({ row }) => moved(row))).map((line) => line.slice());
		const aim = (k, line) => {
			const all = lines();
			all[k] = line;
			state.of = { ...state.of, lines: all };
			if (state.aiming) return;
			state.aiming = true;
			change("lines", all).then(() => {
				state.aiming = false;
				if (state.of.lines && JSON.stringify(state.of.lines) !== JSON.stringify(all)) change("lines", state.of.lines);
			});
		};
		plane.addEventListener("pointerdown", (event) => {
			const point = inputs(event), badge = onBadge(point, reach(event, 14)), teacher = badge || nearest("teachers", point, reach(event, 8));
			if (teacher) {
				const row = state.frame.teachers[teacher.k].row, held = badge && state.frame.badges[badge.k];
				drag = { k: teacher.k, row, point, pivot: held && ends(row).find((end) => String(end) !== String(held)) };
				state.node = teacher;
			} else if (state.of.kind === "drawn") {
				drag = { draws: true };
				put(point);
			} else state.node = nearest("students", point, reach(event, 10));
			if (drag) {
				plane.setPointerCapture(event.pointerId);
				event.preventDefault();
			}
			paint();
		});
		plane.addEventListener("pointermove", (event) => {
			const point = inputs(event);
			if (!drag) {
				if (event.pointerType === "touch") return;
				state.hover = onBadge(point, reach(event, 12)) || nearest("teachers", point, reach(event, 6)) || nearest("students", point, reach(event, 8));
				plane.style.cursor = state.hover && state.hover.of === "teachers" ? "grab" : state.of.kind === "drawn" ? "crosshair" : "default";
				return paint();
			}
			if (drag.draws) return put(point);
			const [w0, w1, b] = drag.row;
			if (drag.pivot) {
				let [n0, n1] = [point[1] - drag.pivot[1], drag.pivot[0] - point[0]];
				if (n0 * w0 + n1 * w1 < 0) [n0, n1] = [-n0, -n1];
				if (Math.hypot(n0, n1) > 0.3) aim(drag.k, moved([n0, n1, -(n0 * drag.pivot[0] + n1 * drag.pivot[1])]));
			} else aim(drag.k, moved([w0, w1, b - w0 * (point[0] - drag.point[0]) - w1 * (point[1] - drag.point[1])]));
		});
		plane.addEventListener("touchstart", (event) => drag && event.preventDefault()); // else it scrolls the page
		for (const end of ["pointerup", "pointercancel"]) plane.addEventListener(end, () => (drag = null));
		for (const canvas of [plane, shape]) canvas.addEventListener("pointerleave", () => { state.hover = null; paint(); });
		const dotAt = (event) => {
			const box = shape.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
			return least("students", dots.map(([u, v]) => Math.hypot(u - x, v - y)), 14);
		};
		shape.addEventListener("pointermove", (event) => { state.hover = dotAt(event); paint(); });
		shape.addEventListener("pointerdown", (event) => { state.node = dotAt(event); paint(); });
		const scrub = (event) => {
			if (!(event.buttons & 1)) return;
			const x = event.clientX - loss.getBoundingClientRect().left;
			const at = state.frame.curve.findIndex((c) => scale_.X(Math.max(1, c[0])) >= x);
			goTo(at < 0 ? state.frame.curve.length - 1 : at);
		};
		for (const move of ["pointerdown", "pointermove"]) loss.addEventListener(move, scrub);

		const put = (point) => {
			if (point.some((v) => Math.abs(v) > M.REACH) || state.of.points.length >= 1000) return;
			const ticks = point.map(M.tick), old = state.of.points;
			for (let i = 0; i < old.length; i += 2) if (Math.hypot(old[i] - ticks[0], old[i + 1] - ticks[1]) < 60) return;
			change("points", (state.of.points = [...old, ...ticks]));
		};
		plane.addEventListener("keydown", (event) => {
			const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
			const teacher = state.node && state.node.of === "teachers", drawn = state.of.kind === "drawn";
			if (by && teacher) {
				const [angle, offset] = lines()[state.node.k];
				aim(state.node.k, [(angle + 16 * by[0] + M.TICKS) % M.TICKS, Math.max(0, Math.min(M.TICKS - 1, offset + 32 * by[1]))]);
			} else if (by && drawn) {
				const fine = event.shiftKey ? 0.02 : 0.1;
				state.pen = (state.pen || [0, 0]).map((v, i) => Math.max(-M.REACH, Math.min(M.REACH, v + fine * by[i])));
			} else if (drawn && state.pen && (event.key === "Enter" || event.key === " ")) put(state.pen);
			else if (drawn && event.key === "Backspace") change("points", state.of.points.slice(0, -2));
			else if (event.key === "Escape") state.node = state.pen = null;
			else return;
			event.preventDefault();
			paint();
		});
	}

	/* Without motion: the picture of a trained student, to step and scrub by hand. */
	const still = () => queue(async () => {
		await advance(4000, 3000);
		paint();
	});

	new ResizeObserver(paint).observe(home);
	new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
	new IntersectionObserver(([seen]) => { state.visible = seen.isIntersecting; wake(); }).observe(home);
	document.addEventListener("visibilitychange", wake);
	addEventListener("beforeprint", () => { home.classList.add("pg-print"); paint(); });
	addEventListener("afterprint", () => { home.classList.remove("pg-print"); paint(); });
	const first = small ? `#${home.dataset.small || "seed=1"}` : location.hash;
	load(first, true).then(() => {
		home.dataset.ready = "";
		if (!small) pointers();
		go();
	});
	return { state, call, code, change, load, pause, resume, settled: () => chain, advance: (n) => queue(async () => { await advance(n); paint(); }) };
}

const start = () => (window.playgrounds = [...document.querySelectorAll("div.playground")].map(playground));
window.playgroundSettings = { SETTINGS, PRESETS, DEFAULTS, read, write };
document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
})();

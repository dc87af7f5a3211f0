;; The inner loops of the codec: LZ4 blocks and the stripes of xxHash32. `lz4-wasm.ts` holds this file compiled; a test
;; compiles it anew and compares.
;;
;; Memory: [0, 16 KiB) hash table of the compressor; 16 KiB: the four lanes of xxHash32; from 64 KiB on what the caller
;; lays there. Copies go by eight or sixteen bytes and may run on by up to 16: the caller leaves 64 bytes free behind the
;; input and behind the output. What they write beyond is overwritten or never handed out.
(module
  (memory (export "memory") 2)

  ;; Compresses [src, src+len) to dst and returns the stored size, never more than len; 0: it would not become smaller.
  ;; The table holds 2^12 addresses. Measured on WAL data in 1 MiB blocks: 12 bits 775 MB/s, 13 595, 14 464, for 0.366,
  ;; 0.3625 and 0.361 of the size; only the first fits the nearest cache everywhere.
  (func (export "compress") (param $src i32) (param $len i32) (param $dst i32) (result i32)
    (local $here i32) (local $anchor i32) (local $matchEnd i32) (local $copyEnd i32) (local $out i32) (local $limit i32)
    (local $misses i32) (local $word i32) (local $slot i32) (local $found i32) (local $start i32) (local $from i32)
    (local $end i32) (local $back i32) (local $x i64) (local $lit i32) (local $match i32) (local $r i32) (local $token i32) (local $p i32)
    (if (i32.le_u (local.get $len) (i32.const 12)) (then (return (i32.const 0))))
    ;; An empty slot is address 0: as src is at least 65536, too far away to be a match.
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 16384))
    (local.set $out (local.get $dst))
    (local.set $limit (i32.add (local.get $dst) (local.get $len)))
    (local.set $here (local.get $src)) (local.set $anchor (local.get $src))
    (local.set $matchEnd (i32.sub (i32.add (local.get $src) (local.get $len)) (i32.const 12)))
    (local.set $copyEnd (i32.sub (i32.add (local.get $src) (local.get $len)) (i32.const 5)))
    (local.set $misses (i32.const 64))
    (block $done
      (loop $search
        (br_if $done (i32.ge_u (local.get $here) (local.get $matchEnd)))
        (local.set $word (i32.load align=1 (local.get $here)))
        (local.set $slot (i32.shl (i32.shr_u (i32.mul (local.get $word) (i32.const 0x9e3779b1)) (i32.const 20)) (i32.const 2)))
        (local.set $found (i32.load (local.get $slot)))
        (i32.store (local.get $slot) (local.get $here))
        (if (i32.gt_u (i32.sub (local.get $here) (local.get $found)) (i32.const 65535)) (then
          (local.set $here (i32.add (local.get $here) (i32.shr_u (local.get $misses) (i32.const 6))))
          (local.set $misses (i32.add (local.get $misses) (i32.const 1))) (br $search)))
        (if (i32.ne (i32.load align=1 (local.get $found)) (local.get $word)) (then
          (local.set $here (i32.add (local.get $here) (i32.shr_u (local.get $misses) (i32.const 6))))
          (local.set $misses (i32.add (local.get $misses) (i32.const 1))) (br $search)))
        (local.set $misses (i32.const 64))
        (local.set $start (local.get $here)) (local.set $from (local.get $found))
        (block $bdone (loop $b
          (br_if $bdone (i32.le_u (local.get $start) (local.get $anchor)))
          (br_if $bdone (i32.le_u (local.get $from) (local.get $src)))
          (br_if $bdone (i32.ne (i32.load8_u (i32.sub (local.get $start) (i32.const 1))) (i32.load8_u (i32.sub (local.get $from) (i32.const 1)))))
          (local.set $start (i32.sub (local.get $start) (i32.const 1))) (local.set $from (i32.sub (local.get $from) (i32.const 1)))
          (br $b)))
        (local.set $end (i32.add (local.get $here) (i32.const 4))) (local.set $back (i32.add (local.get $found) (i32.const 4)))
        ;; By eights; what is read past the input is padding, and the end is put right below.
        (block $mdone (loop $m
          (br_if $mdone (i32.ge_u (local.get $end) (local.get $copyEnd)))
          (local.set $x (i64.xor (i64.load align=1 (local.get $end)) (i64.load align=1 (local.get $back))))
          (if (i64.ne (local.get $x) (i64.const 0)) (then
            (local.set $end (i32.add (local.get $end) (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $x)) (i64.const 3)))))
            (br $mdone)))
          (local.set $end (i32.add (local.get $end) (i32.const 8))) (local.set $back (i32.add (local.get $back) (i32.const 8)))
          (br $m)))
        (if (i32.gt_u (local.get $end) (local.get $copyEnd)) (then (local.set $end (local.get $copyEnd))))
        (local.set $lit (i32.sub (local.get $start) (local.get $anchor)))
        (local.set $match (i32.sub (i32.sub (local.get $end) (local.get $start)) (i32.const 4)))
        (if (i32.gt_u (i32.add (i32.add (local.get $out) (i32.const 10)) (i32.add (local.get $lit) (i32.add (i32.div_u (local.get $lit) (i32.const 255)) (i32.div_u (local.get $match) (i32.const 255))))) (local.get $limit))
          (then (return (i32.const 0))))
        (local.set $token (local.get $out)) (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (i32.store8 (local.get $token) (i32.or
          (i32.shl (select (local.get $lit) (i32.const 15) (i32.lt_u (local.get $lit) (i32.const 15))) (i32.const 4))
          (select (local.get $match) (i32.const 15) (i32.lt_u (local.get $match) (i32.const 15)))))
        (if (i32.ge_u (local.get $lit) (i32.const 15)) (then (local.set $out (call $putLength (local.get $out) (i32.sub (local.get $lit) (i32.const 15))))))
        ;; By eights, running on into room that is written next.
        (if (i32.le_u (local.get $lit) (i32.const 64)) (then
          (local.set $r (i32.add (local.get $out) (local.get $lit))) (local.set $p (local.get $out))
          (block $ldone (loop $l (br_if $ldone (i32.ge_u (local.get $p) (local.get $r)))
            (i64.store align=1 (local.get $p) (i64.load align=1 (local.get $anchor)))
            (local.set $p (i32.add (local.get $p) (i32.const 8))) (local.set $anchor (i32.add (local.get $anchor) (i32.const 8))) (br $l)))
          (local.set $out (local.get $r)))
        (else (memory.copy (local.get $out) (local.get $anchor) (local.get $lit)) (local.set $out (i32.add (local.get $out) (local.get $lit)))))
        (i32.store16 align=1 (local.get $out) (i32.sub (local.get $start) (local.get $from)))
        (local.set $out (i32.add (local.get $out) (i32.const 2)))
        (if (i32.ge_u (local.get $match) (i32.const 15)) (then (local.set $out (call $putLength (local.get $out) (i32.sub (local.get $match) (i32.const 15))))))
        (local.set $anchor (local.get $end)) (local.set $here (local.get $end))
        (if (i32.lt_u (local.get $here) (local.get $matchEnd)) (then
          (i32.store (i32.shl (i32.shr_u (i32.mul (i32.load align=1 (i32.sub (local.get $here) (i32.const 2))) (i32.const 0x9e3779b1)) (i32.const 20)) (i32.const 2)) (i32.sub (local.get $here) (i32.const 2)))))
        (br $search)))
    (local.set $lit (i32.sub (i32.add (local.get $src) (local.get $len)) (local.get $anchor)))
    (if (i32.gt_u (i32.add (i32.add (local.get $out) (i32.const 2)) (i32.add (local.get $lit) (i32.div_u (local.get $lit) (i32.const 255)))) (local.get $limit)) (then (return (i32.const 0))))
    (i32.store8 (local.get $out) (i32.shl (select (local.get $lit) (i32.const 15) (i32.lt_u (local.get $lit) (i32.const 15))) (i32.const 4)))
    (local.set $out (i32.add (local.get $out) (i32.const 1)))
    (if (i32.ge_u (local.get $lit) (i32.const 15)) (then (local.set $out (call $putLength (local.get $out) (i32.sub (local.get $lit) (i32.const 15))))))
    (memory.copy (local.get $out) (local.get $anchor) (local.get $lit))
    (i32.sub (i32.add (local.get $out) (local.get $lit)) (local.get $dst)))

  (func $putLength (param $out i32) (param $r i32) (result i32)
    (block $d (loop $l (br_if $d (i32.lt_u (local.get $r) (i32.const 255)))
      (i32.store8 (local.get $out) (i32.const 255)) (local.set $out (i32.add (local.get $out) (i32.const 1))) (local.set $r (i32.sub (local.get $r) (i32.const 255))) (br $l)))
    (i32.store8 (local.get $out) (local.get $r)) (i32.add (local.get $out) (i32.const 1)))

  ;; Decodes the block [here, here+len) to out and returns where the output ends. Copies may reach back to base, which is
  ;; below out for a block that depends on those before. -1: no block; -2: it goes on beyond limit.
  (func (export "decompress") (param $here i32) (param $len i32) (param $base i32) (param $out i32) (param $limit i32) (result i32)
    (local $inEnd i32) (local $token i32) (local $n i32) (local $more i32) (local $from i32) (local $end i32) (local $d i32)
    (local.set $inEnd (i32.add (local.get $here) (local.get $len)))
    (loop $seq
      (if (i32.ge_u (local.get $here) (local.get $inEnd)) (then (return (i32.const -1))))
      (local.set $token (i32.load8_u (local.get $here))) (local.set $here (i32.add (local.get $here) (i32.const 1)))
      (local.set $n (i32.shr_u (local.get $token) (i32.const 4)))
      (if (i32.eq (local.get $n) (i32.const 15)) (then
        (loop $l
          (if (i32.ge_u (local.get $here) (local.get $inEnd)) (then (return (i32.const -1))))
          (local.set $more (i32.load8_u (local.get $here))) (local.set $here (i32.add (local.get $here) (i32.const 1)))
          (local.set $n (i32.add (local.get $n) (local.get $more)))
          (br_if $l (i32.eq (local.get $more) (i32.const 255))))))
      ;; No overflow: a length grows by at most 255 per input byte, and the caller holds inputs to 8 MiB.
      (if (i32.gt_u (local.get $n) (i32.sub (local.get $inEnd) (local.get $here))) (then (return (i32.const -1))))
      (if (i32.gt_u (local.get $n) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const -2))))
      (if (i32.le_u (local.get $n) (i32.const 16)) (then
          (i64.store align=1 (local.get $out) (i64.load align=1 (local.get $here)))
          (i64.store offset=8 align=1 (local.get $out) (i64.load offset=8 align=1 (local.get $here))))
      (else (memory.copy (local.get $out) (local.get $here) (local.get $n))))
      (local.set $out (i32.add (local.get $out) (local.get $n))) (local.set $here (i32.add (local.get $here) (local.get $n)))
      (if (i32.eq (local.get $here) (local.get $inEnd)) (then (return (local.get $out))))
      (if (i32.lt_u (i32.sub (local.get $inEnd) (local.get $here)) (i32.const 2)) (then (return (i32.const -1))))
      (local.set $d (i32.load16_u align=1 (local.get $here))) (local.set $here (i32.add (local.get $here) (i32.const 2)))
      (local.set $n (i32.and (local.get $token) (i32.const 15)))
      (if (i32.eq (local.get $n) (i32.const 15)) (then
        (loop $l2
          (if (i32.ge_u (local.get $here) (local.get $inEnd)) (then (return (i32.const -1))))
          (local.set $more (i32.load8_u (local.get $here))) (local.set $here (i32.add (local.get $here) (i32.const 1)))
          (local.set $n (i32.add (local.get $n) (local.get $more)))
          (br_if $l2 (i32.eq (local.get $more) (i32.const 255))))))
      (local.set $n (i32.add (local.get $n) (i32.const 4)))
      (if (i32.eqz (local.get $d)) (then (return (i32.const -1))))
      (if (i32.gt_u (local.get $d) (i32.sub (local.get $out) (local.get $base))) (then (return (i32.const -1))))
      (if (i32.gt_u (local.get $n) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const -2))))
      (local.set $from (i32.sub (local.get $out) (local.get $d)))
      (local.set $end (i32.add (local.get $out) (local.get $n)))
      (if (i32.ge_u (local.get $d) (i32.const 8)) (then
        (if (i32.and (i32.gt_u (local.get $n) (i32.const 64)) (i32.ge_u (local.get $d) (local.get $n))) (then
          (memory.copy (local.get $out) (local.get $from) (local.get $n)))
        (else
          (loop $w
            (i64.store align=1 (local.get $out) (i64.load align=1 (local.get $from)))
            (local.set $out (i32.add (local.get $out) (i32.const 8))) (local.set $from (i32.add (local.get $from) (i32.const 8)))
            (br_if $w (i32.lt_u (local.get $out) (local.get $end)))))))
      (else
        (if (i32.eq (local.get $d) (i32.const 1)) (then (memory.fill (local.get $out) (i32.load8_u (local.get $from)) (local.get $n)))
        (else
          (loop $w1
            (i32.store8 (local.get $out) (i32.load8_u (local.get $from)))
            (local.set $out (i32.add (local.get $out) (i32.const 1))) (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (br_if $w1 (i32.lt_u (local.get $out) (local.get $end))))))))
      (local.set $out (local.get $end))
      (br $seq))
    (i32.const -1))
  ;; Mixes the whole 16-byte stripes of [at, at+len) into the four lanes.
  (func (export "stripes") (param $at i32) (param $len i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $end i32)
    (local.set $a (i32.load (i32.const 16384))) (local.set $b (i32.load offset=4 (i32.const 16384))) (local.set $c (i32.load offset=8 (i32.const 16384))) (local.set $d (i32.load offset=12 (i32.const 16384)))
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $len) (i32.const -16))))
    (block $x (loop $l (br_if $x (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $a (i32.mul (i32.rotl (i32.add (local.get $a) (i32.mul (i32.load align=1 (local.get $at)) (i32.const 0x85ebca77))) (i32.const 13)) (i32.const 0x9e3779b1)))
      (local.set $b (i32.mul (i32.rotl (i32.add (local.get $b) (i32.mul (i32.load offset=4 align=1 (local.get $at)) (i32.const 0x85ebca77))) (i32.const 13)) (i32.const 0x9e3779b1)))
      (local.set $c (i32.mul (i32.rotl (i32.add (local.get $c) (i32.mul (i32.load offset=8 align=1 (local.get $at)) (i32.const 0x85ebca77))) (i32.const 13)) (i32.const 0x9e3779b1)))
      (local.set $d (i32.mul (i32.rotl (i32.add (local.get $d) (i32.mul (i32.load offset=12 align=1 (local.get $at)) (i32.const 0x85ebca77))) (i32.const 13)) (i32.const 0x9e3779b1)))
      (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $l)))
    (i32.store (i32.const 16384) (local.get $a)) (i32.store offset=4 (i32.const 16384) (local.get $b)) (i32.store offset=8 (i32.const 16384) (local.get $c)) (i32.store offset=12 (i32.const 16384) (local.get $d)))
)

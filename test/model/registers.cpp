// Explicit-state (BFS) + random-walk checker for an epoch-ed CASPaxos register.
// One key. "Ballots are processes": any ballot may act at any time => covers proposer
// crash/restart, several live proposers, message loss, reordering and duplication (sent messages
// stay deliverable for ever). Ghost state: lin[b] = set of ballots the value proposed at b derives
// from; votes[b]; returned (by reads).
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>
using namespace std;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint64_t u64;
const int A = 6, B = 9, E = 3, R = 2;
struct __attribute__((packed)) S {
  u8 prom[A], acc[A], unv[A], seal[A], inst[A];
  u8 dacc[A], dprom[A], pend[A];  // durable copies + pending accepted ballot (vol mode)
  u8 rep[B + 1][A];               // promise replies: 0 none, else 1+acc | inst<<4
  u16 lin[B + 1];
  u8 nxt[B + 1];
  u8 votes[B + 1];
  u16 issued, tomb, ret, gc;
  u8 rs[R], re[R], rb[R],
      rr[R][A];  // readers: started, epoch, bound, replies(1+acc|inst<<4|unv<<7)
  u8 lst[E][A];
  u8 isent;
  u8 amn;  // rebalancer lists, install sent mask, amnesia used
  u8 pull[E][A][A];
  u8 dcfg[A];
};
struct Cfg {
  int nA = 3, nE = 1;
  int conf[E] = {7, 0, 0};
  int nB = 4;
  int ep[B + 1] = {0};
  int own[B + 1] = {0};
  int nR = 1;
  int piggy = 1;
  int reads = 1;
  int del = 0;
  int vol = 0;
  int bulk = 0;
  int needRet = 0;
  int staleJoin = 0;
  int strong = 1;
  int maxStates = 0;
  int dmode = 0;
  int flexq = 0;
  int amnesia = 0;
  int reb = 1;
  int gcAllInst = 1;
  string mut = "none";
} C;
static bool mut(const char* m) {
  return C.mut == m;
}
#define MUTS(X)                                                                                    \
  X(minorcache)                                                                                    \
  X(nackpromise) X(readmax) X(readnofence) X(readnochk) X(skipold) X(oldnopromise) X(listunsealed) \
      X(list1) X(installearly) X(nofloor) X(gcmajority) X(dirtyread) X(blind) X(filter) X(nowipe)  \
          X(installall) X(readold) X(gcearly) X(noseal) X(inst1) X(nodurprom) X(lowerwins)
enum {
#define X(n) M_##n,
  MUTS(X)
#undef X
      M_N
};
int M = -1;
static void setmut() {
  const char* n[] = {
#define X(n) #n,
      MUTS(X)
#undef X
  };
  M = -1;
  for (int i = 0; i < M_N; i++)
    if (C.mut == n[i]) M = i;
  if (M < 0 && C.mut != "none") {
    fprintf(stderr, "bad mut %s\n", C.mut.c_str());
    exit(2);
  }
}
static inline int pc(int x) {
  return __builtin_popcount(x);
}
static inline bool maj(int m, int e) {
  return pc(m & C.conf[e]) * 2 > pc(C.conf[e]);
}
static inline bool chosen(const S& s, int b) {
  return maj(s.votes[b], C.ep[b]);
}
static int maxChosen(const S& s, int below) {
  int r = 0;
  for (int b = 1; b <= C.nB && b < below; b++)
    if (((s.issued >> b) & 1) && (chosen(s, b) || ((s.ret >> b) & 1))) r = b;
  return r;
}
static const char* check(const S& s) {
  for (int b0 = 1; b0 <= C.nB; b0++) {
    if (!((s.issued >> b0) & 1)) continue;
    if (!(chosen(s, b0) || ((s.ret >> b0) & 1))) continue;
    for (int b = b0 + 1; b <= C.nB; b++) {
      if (!((s.issued >> b) & 1)) continue;
      if (!C.strong && !(chosen(s, b) || ((s.ret >> b) & 1))) continue;
      if (!((s.lin[b] >> b0) & 1))
        return "chain: a later value does not derive from a chosen/returned one";
    }
  }
  return nullptr;
}
struct Succ {
  S s;
  char d[72];
  const char* err;
};
static vector<Succ> out;
static bool wantDesc = false;
static S* push(const S& s) {
  out.emplace_back();
  Succ& o = out.back();
  o.s = s;
  o.err = nullptr;
  o.d[0] = 0;
  return &o.s;
}
#define DESC(...)                                          \
  do {                                                     \
    if (wantDesc) snprintf(out.back().d, 72, __VA_ARGS__); \
  } while (0)
// all submasks of conf[e] that are majority and contained in avail
static inline bool p1(int m, int e) {
  int k = pc(C.conf[e]);
  int g = pc(m & C.conf[e]);
  return C.flexq ? g >= k - k / 2 : g * 2 > k;
}
static int subs(int e, int avail, int* res) {
  int c = C.conf[e] & avail, n = 0;
  for (int m = c; m; m = (m - 1) & c)
    if (p1(m, e)) res[n++] = m;
  return n;
}
static int subsMaj(int e, int avail, int* res) {
  int c = C.conf[e] & avail, n = 0;
  for (int m = c; m; m = (m - 1) & c)
    if (maj(m, e)) res[n++] = m;
  return n;
}
// possible bases for ballot b: returns bitmask over 0..nB
static int bases(const S& s, int b, int e, int cur) {
  int avail = 0;
  for (int a = 0; a < C.nA; a++)
    if (s.rep[b][a]) avail |= 1 << a;
  int res[128];
  int n = subs(e, avail, res);
  int outm = 0;
  for (int i = 0; i < n; i++) {
    int mx = cur;
    bool stop = (e == 0);
    int ni = 0, nm = 0;
    for (int a = 0; a < C.nA; a++)
      if ((res[i] >> a) & 1) {
        int r = s.rep[b][a];
        int ac = (r & 15) - 1;
        int in = r >> 4;
        if (ac > mx) mx = ac;
        nm++;
        if (in >= e) ni++;
        if (ac > 0 && C.ep[ac] >= e) stop = true;
      }
    if ((C.bulk || M == M_inst1) ? ni > 0 : ni == nm) stop = true;
    if (M == M_skipold) stop = true;
    if (stop) outm |= 1 << mx;
    else outm |= bases(s, b, e - 1, mx);
  }
  return outm;
}
static bool listOk(const S& s, int e, int x,
                   bool& anyState) {  // listing for install of epoch e, walking x=e-1,..0 ; true if
                                      // some majority subset chain OK and reports stateless
  return false;
}
static int listRes(
    const S& s, int e,
    int x) {  // bitmask: bit0 = possible with all-empty, bit1 = possible with some state
  int avail = 0;
  for (int a = 0; a < C.nA; a++)
    if ((C.conf[x] >> a) & 1)
      if (s.lst[e][a]) avail |= 1 << a;
  int res[128];
  int n = 0;
  if (M == M_list1) {
    int c = C.conf[x] & avail;
    for (int a = 0; a < C.nA; a++)
      if ((c >> a) & 1) res[n++] = 1 << a;
  } else n = subs(x, avail, res);
  int outm = 0;
  for (int i = 0; i < n; i++) {
    bool st = false, stop = (x == 0);
    int ni = 0, nm = 0;
    for (int a = 0; a < C.nA; a++)
      if ((res[i] >> a) & 1) {
        int r = s.lst[e][a];
        if ((r & 15) > 1) st = true;
        nm++;
        if ((r >> 4) >= x) ni++;
      }
    if (M == M_inst1 ? ni > 0 : ni == nm) stop = true;
    int sub = stop ? 1 : listRes(s, e, x - 1);
    if (!sub) continue;
    if (st) outm |= 2;
    else outm |= sub;
  }
  return outm;
}
static bool retired(const S& s, int e) {  // epoch e installed at a majority (so epochs <e retired)
  int m = 0;
  for (int a = 0; a < C.nA; a++)
    if (s.inst[a] >= e) m |= 1 << a;
  return e == 0 || maj(m, e);
}
static void learn(S& t, int a, int e) {
  if (C.dmode && t.seal[a] < e) {  // design rule: dataCfg
    int dc = (int)t.dcfg[a] - 1;
    bool ret = retired(t, e) && e > 0;
    (void)ret;
    if (!(dc == e || dc == e - 1)) {
      t.acc[a] = 0;
      t.unv[a] = 0;
      t.prom[a] = 0;
    }
    bool mem = (C.conf[e] >> a) & 1;
    if (C.dmode == 1 && mem) t.dcfg[a] = e + 1;
    if (C.dmode == 3) t.dcfg[a] = e + 1;
    t.seal[a] = e;
    return;
  }
  if (t.seal[a] <
      e) {  // join of a fresh/rejoined member: wipe leftovers of a retired configuration
    if (C.staleJoin && M != M_nowipe) {
      for (int x = t.seal[a] + 1; x <= e; x++)
        if (x >= 1 && !((C.conf[x - 1] >> a) & 1) && ((C.conf[x] >> a) & 1)) {
          t.acc[a] = 0;
          t.unv[a] = 0;
        }
    }
    t.seal[a] = e;
  }
}
static void issue(const S& s, int b, int base, const char* how) {
  for (int nx = 0; nx <= (C.piggy ? 1 : 0); nx++) {
    int nb = 0;
    if (nx) {
      for (int k = b + 1; k <= C.nB; k++)
        if (C.ep[k] == C.ep[b] && C.own[k] == C.own[b] && !((s.issued >> k) & 1)) {
          nb = k;
          break;
        }
      if (!nb) break;
      bool used = false;
      for (int a = 0; a < C.nA; a++)
        if (s.rep[nb][a]) used = true;
      if (used) break;
    }
    for (int td = 0; td <= C.del; td++) {
      S* t = push(s);
      t->issued |= 1 << b;
      if (td) t->tomb |= 1 << b;
      t->nxt[b] = nb;
      u16 l = 0;
      int c = base;
      if (base == 0 && C.del) {
        int m = maxChosen(s, b);
        if (m && ((s.tomb >> m) & 1)) l = s.lin[m];
      }
      if (base) l = s.lin[base];
      t->lin[b] = l | (1 << b);
      for (int a = 0; a < C.nA; a++) t->rep[b][a] = 0;
      (void)c;
      DESC("ISSUE%s b%d(e%d,p%d) base=b%d next=b%d%s", how, b, C.ep[b], C.own[b], base, nb,
           td ? " TOMBSTONE" : "");
    }
  }
}
static void vote(S& t, int a, int b) {
  t.votes[b] |= 1 << a;
}
static void succ(const S& s) {
  out.clear();
  int nA = C.nA, nB = C.nB;
  auto epochOk = [&](int e) { return !(C.needRet && e >= 2 && !retired(s, e - 1)); };
  // learn epoch
  for (int a = 0; a < nA; a++)
    for (int e = s.seal[a] + 1; e < C.nE; e++) {
      if (!epochOk(e)) continue;
      S* t = push(s);
      learn(*t, a, e);
      DESC("LEARN a%d epoch %d", a, e);
    }
  // prepare
  for (int b = 1; b <= nB; b++) {
    if ((s.issued >> b) & 1) continue;
    int e = C.ep[b];
    if (!epochOk(e)) continue;
    int chain = 0;
    for (int x = 0; x <= e; x++) chain |= C.conf[x];
    if (M == M_skipold) chain = C.conf[e];
    for (int a = 0; a < nA; a++) {
      if (!((chain >> a) & 1) || s.rep[b][a]) continue;
      bool oldrole = !((C.conf[e] >> a) & 1);
      if (s.seal[a] > e && M != M_noseal) continue;
      if (!(b >= s.prom[a])) continue;
      if (s.prom[a] == b) {  // piggy-backed promise already given: re-answer
      }
      S* t = push(s);
      if (!(oldrole && M == M_oldnopromise)) {
        if (M != M_noseal) learn(*t, a, e);
        t->prom[a] = b;
      }
      if (C.vol) {  // prepare reply is sent after flush of everything pending
        if (t->pend[a]) {
          vote(*t, a, t->pend[a]);
          t->pend[a] = 0;
        }
        t->dacc[a] = t->acc[a];
        if (M != M_nodurprom) t->dprom[a] = t->prom[a];
      }
      t->rep[b][a] = (1 + t->acc[a]) | (t->inst[a] << 4);
      DESC("PROMISE a%d b%d reports acc=b%d inst=%d", a, b, t->acc[a], t->inst[a]);
    }
  }
  // issue
  for (int b = 1; b <= nB; b++) {
    if ((s.issued >> b) & 1) continue;
    int bm = bases(s, b, C.ep[b], 0);
    for (int x = 0; x <= nB; x++)
      if ((bm >> x) & 1) issue(s, b, x, "");
    if (C.piggy)
      for (int b0 = 1; b0 < b; b0++)
        if (((s.issued >> b0) & 1) && s.nxt[b0] == b) {
          bool ok = maj(s.votes[b0], C.ep[b0]);
          if (M == M_minorcache) ok = s.votes[b0] != 0;
          if (M ==
              M_nackpromise) {  // promises for b counted from acceptors that refused b0 as well
            int m = s.votes[b0];
            for (int a = 0; a < nA; a++)
              if (s.prom[a] == b) m |= 1 << a;
            ok = maj(m, C.ep[b0]);
          }
          if (ok) issue(s, b, b0, "-1RTT");
        }
  }
  // accept
  for (int b = 1; b <= nB; b++) {
    if (!((s.issued >> b) & 1)) continue;
    int e = C.ep[b];
    for (int a = 0; a < nA; a++) {
      if (!((C.conf[e] >> a) & 1)) continue;
      if (s.acc[a] == b && !s.unv[a]) continue;
      if (s.seal[a] > e && M != M_noseal) continue;
      bool ok = b >= s.prom[a];
      if (M == M_lowerwins && b > s.acc[a]) ok = true;
      if (!ok) {
        if (M == M_nackpromise && s.nxt[b] > s.prom[a]) {
          S* t = push(s);
          t->prom[a] = s.nxt[b];
          DESC("NACK-BUT-PROMISE a%d b%d next=b%d", a, b, s.nxt[b]);
        }
        continue;
      }
      if (b < s.acc[a]) continue;
      if (C.vol && s.pend[a]) continue;
      S* t = push(s);
      if (M != M_noseal) learn(*t, a, e);
      t->acc[a] = b;
      t->unv[a] = 0;
      t->prom[a] = max<int>(s.prom[a], max<int>(b, s.nxt[b]));
      if (C.vol) t->pend[a] = b;
      else vote(*t, a, b);
      DESC("ACCEPT a%d b%d%s", a, b, C.vol ? " (not yet synced)" : "");
    }
  }
  if (C.vol)
    for (int a = 0; a < nA; a++) {
      if (s.pend[a]) {
        S* t = push(s);
        t->dacc[a] = s.acc[a];
        t->dprom[a] = s.prom[a];
        vote(*t, a, s.pend[a]);
        t->pend[a] = 0;
        DESC("FSYNC a%d -> vote b%d", a, s.pend[a]);
      }
      if (s.acc[a] != s.dacc[a] || s.prom[a] != s.dprom[a]) {
        S* t = push(s);
        t->acc[a] = s.dacc[a];
        t->prom[a] = s.dprom[a];
        t->pend[a] = 0;
        DESC("CRASH a%d loses unsynced", a);
      }
    }
  // rebalancer
  if (C.reb && !C.bulk)
    for (int e = 1; e < C.nE; e++) {
      if ((s.isent >> e) & 1) continue;
      if (!epochOk(e)) continue;
      int chain = 0;
      for (int x = 0; x < e; x++) chain |= C.conf[x];
      for (int a = 0; a < nA; a++)
        if (((chain >> a) & 1) && !s.lst[e][a]) {
          if (s.seal[a] < e && M != M_listunsealed) continue;
          S* t = push(s);
          t->lst[e][a] = (1 + (s.acc[a] ? 1 : 0)) | (s.inst[a] << 4);
          DESC("LIST a%d for epoch %d: %s inst=%d", a, e, s.acc[a] ? "has key" : "empty",
               s.inst[a]);
        }
      int lr = listRes(s, e, e - 1);
      bool ch = false, is = false;
      for (int b = 1; b <= nB; b++)
        if (C.ep[b] == e && ((s.issued >> b) & 1)) {
          is = true;
          if (chosen(s, b)) ch = true;
        }
      bool ok = (lr & 1) || (lr && ch) || (M == M_installearly && lr && is);
      if (M == M_installall) ok = true;
      if (ok) {
        S* t = push(s);
        t->isent |= 1 << e;
        memset(t->lst[e], 0, A);
        DESC("INSTALL-SENT epoch %d", e);
      }
    }
  for (int e = 1; e < C.nE; e++)
    if ((s.isent >> e) & 1)
      for (int a = 0; a < nA; a++)
        if (((C.conf[e] >> a) & 1) && s.inst[a] < e) {
          S* t = push(s);
          learn(*t, a, e);
          t->inst[a] = e;
          if (C.dmode == 2) t->dcfg[a] = e + 1;
          DESC("INSTALLED a%d epoch %d", a, e);
        }
  if (C.bulk)
    for (int e = 1; e < C.nE; e++) {
      if (!epochOk(e)) continue;
      for (int n = 0; n < nA; n++) {
        if (!((C.conf[e] >> n) & 1) || s.inst[n] >= e) continue;
        int av = 0;
        for (int a = 0; a < nA; a++)
          if ((C.conf[e - 1] >> a) & 1) {
            if (s.pull[e][n][a]) {
              av |= 1 << a;
              continue;
            }
            if (s.seal[a] < e) continue;
            S* t = push(s);
            t->pull[e][n][a] = 1 + s.acc[a];
            DESC("PULL a%d<-a%d acc=b%d", n, a, s.acc[a]);
          }
        int res[128];
        int k = subs(e - 1, av, res);
        int seen = 0;
        for (int i = 0; i < k; i++) {
          int mx = 0;
          for (int a = 0; a < nA; a++)
            if ((res[i] >> a) & 1) {
              int r = s.pull[e][n][a] - 1;
              if (M == M_filter && r && C.ep[r] >= e) continue;
              mx = max(mx, r);
            }
          if ((seen >> mx) & 1) continue;
          seen |= 1 << mx;
          S* t = push(s);
          learn(*t, n, e);
          if (mx > t->acc[n]) {
            t->acc[n] = mx;
            if (M == M_blind) {
              t->unv[n] = 0;
              if (C.ep[mx] == e) 0;
            } else t->unv[n] = 1;
          }
          t->inst[n] = e;
          memset(t->pull[e][n], 0, A);
          DESC("BULK-INSTALL a%d epoch %d max=b%d", n, e, mx);
        }
      }
    }
  // GC
  if (C.del) {
    for (int b = 1; b <= nB; b++)
      if (((s.tomb >> b) & 1) && !((s.gc >> b) & 1)) {
        int e = C.ep[b];
        bool ok = (s.votes[b] & C.conf[e]) == C.conf[e];
        if (M == M_gcmajority) ok = chosen(s, b);
        if (e > 0 && M != M_gcearly) {
          for (int a = 0; a < nA; a++)
            if (((C.conf[e] >> a) & 1) && s.inst[a] < e) ok = false;
        }
        if (ok) {
          S* t = push(s);
          t->gc |= 1 << b;
          DESC("GC-START tombstone b%d", b);
        }
      }
    for (int b = 1; b <= nB; b++)
      if ((s.gc >> b) & 1)
        for (int a = 0; a < nA; a++)
          if (s.acc[a] == b && ((C.conf[C.ep[b]] >> a) & 1)) {
            S* t = push(s);
            t->acc[a] = 0;
            t->unv[a] = 0;
            if (M == M_nofloor) t->prom[a] = 0;
            DESC("REMOVE a%d tombstone b%d", a, b);
          }
  }
  if (C.amnesia && !s.amn)
    for (int a = 0; a < nA; a++)
      if (s.prom[a] || s.acc[a]) {
        S* t = push(s);
        t->amn = 1;
        t->acc[a] = t->prom[a] = t->unv[a] = t->seal[a] = t->inst[a] = 0;
        DESC("AMNESIA a%d", a);
      }
  // readers
  if (C.reads)
    for (int r = 0; r < C.nR; r++) {
      if (!s.rs[r]) {
        for (int e = 0; e < C.nE; e++) {
          if (!epochOk(e)) continue;
          S* t = push(s);
          t->rs[r] = 1;
          t->re[r] = e;
          t->rb[r] = maxChosen(s, B + 1);
          DESC("READ%d start epoch %d bound=b%d", r, e, t->rb[r]);
        }
      } else {
        int e = s.re[r];
        int av = 0;
        for (int a = 0; a < nA; a++)
          if ((C.conf[e] >> a) & 1) {
            if (s.rr[r][a]) {
              av |= 1 << a;
              continue;
            }
            if (s.seal[a] > e && M != M_readnofence && M != M_noseal) continue;
            S* t = push(s);
            int v = (C.vol && M != M_dirtyread) ? s.dacc[a] : s.acc[a];
            t->rr[r][a] = (1 + v) | ((s.inst[a] >= e) << 4) | ((s.unv[a] && v) ? 128 : 0);
            DESC("READ%d reply a%d acc=b%d", r, a, v);
          }
        int res[128];
        int k = subsMaj(e, av, res);
        int seen = 0;
        for (int i = 0; i < k; i++) {
          int x = -1;
          bool same = true, in = (e == 0), un = false;
          int ni = 0, nm = 0;
          int mx = 0;
          for (int a = 0; a < nA; a++)
            if ((res[i] >> a) & 1) {
              int v = (s.rr[r][a] & 15) - 1;
              if (x < 0) x = v;
              else if (x != v) same = false;
              mx = max(mx, v);
              nm++;
              if (s.rr[r][a] & 16) ni++;
              if (s.rr[r][a] & 128) un = true;
            }
          if ((C.bulk || M == M_inst1) ? ni > 0 : ni == nm) in = true;
          if (M == M_readmax) {
            same = true;
            x = mx;
          }
          if (!same) continue;
          if (x == 0 && !in && M != M_readnochk) continue;
          if (x > 0 && M != M_readold && (un || C.ep[x] != e)) continue;
          if (x > 0 && M == M_readold && un && 0) continue;
          if ((seen >> x) & 1) continue;
          seen |= 1 << x;
          S* t = push(s);
          if (x) t->ret |= 1 << x;
          int bd = s.rb[r];
          memset(t->rr[r], 0, A);
          t->rs[r] = t->re[r] = t->rb[r] = 0;
          const char* er = nullptr;
          if (x == 0) {
            bool okT = (bd == 0);
            for (int c = bd; c <= nB && c; c++)
              if (((s.tomb >> c) & 1) && ((s.issued >> c) & 1) && chosen(s, c)) okT = true;
            if (!okT)
              er = "read returned 'absent' although a value had been chosen before it started";
          } else if (x < bd && !(((s.tomb >> bd) & 1) && 0))
            er = "stale read: older than a value chosen/returned before it started";
          out.back().err = er;
          DESC("READ%d returns b%d (bound b%d)", r, x, bd);
        }
      }
    }
}
static u64 H(const S& s) {
  const u8* p = (const u8*)&s;
  size_t n = sizeof(S);
  u64 h = 0x9E3779B97F4A7C15ull;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    u64 k;
    memcpy(&k, p + i, 8);
    k *= 0x87c37b91114253d5ull;
    k = (k << 31) | (k >> 33);
    k *= 0x4cf5ad432745937full;
    h ^= k;
    h = (h << 27) | (h >> 37);
    h = h * 5 + 0x52dce729;
  }
  u64 k = 0;
  memcpy(&k, p + i, n - i);
  k *= 0x87c37b91114253d5ull;
  k ^= k >> 29;
  h ^= k * 0x4cf5ad432745937full;
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdull;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53ull;
  h ^= h >> 33;
  return h ? h : 1;
}
struct Set {
  vector<u64> t;
  u64 n = 0, mask;
  Set() {
    t.assign(1 << 20, 0);
    mask = t.size() - 1;
  }
  bool add(u64 h) {
    if ((n + 1) * 10 > t.size() * 7) {
      vector<u64> o;
      o.swap(t);
      t.assign(o.size() * 2, 0);
      mask = t.size() - 1;
      for (u64 x : o)
        if (x) {
          u64 i = x & mask;
          while (t[i]) i = (i + 1) & mask;
          t[i] = x;
        }
    }
    u64 i = h & mask;
    while (t[i]) {
      if (t[i] == h) return false;
      i = (i + 1) & mask;
    }
    t[i] = h;
    n++;
    return true;
  }
};
int main(int argc, char** argv) {
  map<string, string> o;
  for (int i = 1; i < argc; i++) {
    string a = argv[i];
    auto p = a.find('=');
    o[a.substr(0, p)] = p == string::npos ? "1" : a.substr(p + 1);
  }
  auto gi = [&](const char* k, int d) { return o.count(k) ? atoi(o[k].c_str()) : d; };
  string conf = o.count("conf") ? o["conf"] : "012";
  {  // conf=012/345/...
    C.nE = 0;
    int m = 0;
    int mxa = 0;
    for (char c : conf + "/") {
      if (c == '/') {
        C.conf[C.nE++] = m;
        m = 0;
      } else {
        m |= 1 << (c - '0');
        mxa = max(mxa, c - '0' + 1);
      }
    }
    C.nA = mxa;
  }
  string bl = o.count("ballots") ? o["ballots"] : "0a,0b,0a,0b";  // epoch+owner ascending
  {
    C.nB = 0;
    size_t p = 0;
    while (p < bl.size()) {
      C.nB++;
      C.ep[C.nB] = bl[p] - '0';
      C.own[C.nB] = bl[p + 1] - 'a';
      p += 3;
    }
  }
  C.nR = gi("readers", 1);
  C.piggy = gi("piggy", 1);
  C.reads = gi("reads", 1);
  C.del = gi("del", 0);
  C.vol = gi("vol", 0);
  C.bulk = gi("bulk", 0);
  C.needRet = gi("needret", 0);
  C.staleJoin = gi("stalejoin", 0);
  C.strong = gi("strong", 1);
  C.amnesia = gi("amnesia", 0);
  C.dmode = gi("dmode", 0);
  C.flexq = gi("flexq", 0);
  C.reb = gi("reb", 1);
  if (o.count("mut")) C.mut = o["mut"];
  setmut();
  u64 maxS = o.count("max") ? strtoull(o["max"].c_str(), 0, 10) : 400000000ull;
  bool trace = gi("trace", 0);
  S init;
  memset(&init, 0, sizeof init);
  for (int a = 0; a < C.nA; a++) init.dcfg[a] = ((C.conf[0] >> a) & 1) ? 1 : 0;
  auto T0 = chrono::steady_clock::now();
  auto el = [&] { return chrono::duration<double>(chrono::steady_clock::now() - T0).count(); };
  double tmax = gi("tmax", 100000);
  if (o.count("walk")) {  // random walks
    u64 walks = strtoull(o["walk"].c_str(), 0, 10);
    mt19937_64 rng(gi("seed", 1));
    u64 steps = 0, comp = 0;
    wantDesc = trace;
    for (u64 w = 0; w < walks && el() < tmax; w++) {
      S s = init;
      vector<string> tr;
      double bias = (rng() % 100) / 100.0;
      int len = 30 + rng() % 150;
      for (int i = 0; i < len; i++) {
        succ(s);
        if (out.empty()) break;
        size_t k = rng() % out.size();
        // bias: sometimes avoid reader/learn moves to go deep
        if ((rng() % 1000) / 1000.0 < bias) {
          for (int q = 0; q < 4; q++) {
            if (out[k].s.issued != s.issued || memcmp(out[k].s.votes, s.votes, sizeof s.votes) ||
                memcmp(out[k].s.acc, s.acc, A))
              break;
            k = rng() % out.size();
          }
        }
        steps++;
        if (trace) tr.push_back(out[k].d);
        const char* e = out[k].err;
        s = out[k].s;
        if (!e) e = check(s);
        if (e) {
          printf("VIOLATION mut=%s walk=%llu step=%d steps=%llu t=%.1fs: %s\n", C.mut.c_str(),
                 (unsigned long long)w, i, (unsigned long long)steps, el(), e);
          for (auto& x : tr) printf("   %s\n", x.c_str());
          return 1;
        }
      }
      for (int b = 1; b <= C.nB; b++)
        if (chosen(s, b)) comp++;
    }
    printf("OK-WALK mut=%s steps=%llu chosen=%llu t=%.1fs\n", C.mut.c_str(),
           (unsigned long long)steps, (unsigned long long)comp, el());
    return 0;
  }
  Set vis;
  vis.add(H(init));
  vector<S> cur{init}, nxt;
  vector<pair<unsigned, string>> par;
  vector<unsigned> ci{0}, ni;
  if (trace) {
    wantDesc = true;
    par.push_back({0, "init"});
  }
  int depth = 0;
  u64 trans = 0;
  u64 chosenStates = 0;
  while (!cur.empty()) {
    nxt.clear();
    ni.clear();
    for (size_t i = 0; i < cur.size(); i++) {
      succ(cur[i]);
      trans += out.size();
      for (auto& x : out) {
        const char* e = x.err;
        if (!vis.add(H(x.s)) && !e) continue;
        if (!e) e = check(x.s);
        if (trace) par.push_back({ci[i], x.d});
        if (e) {
          printf("VIOLATION mut=%s depth=%d states=%llu t=%.1fs: %s\n", C.mut.c_str(), depth + 1,
                 (unsigned long long)vis.n, el(), e);
          if (trace) {
            vector<string> tr;
            unsigned k = par.size() - 1;
            while (k) {
              tr.push_back(par[k].second);
              k = par[k].first;
            }
            reverse(tr.begin(), tr.end());
            for (auto& y : tr) printf("   %s\n", y.c_str());
          }
          return 1;
        }
        nxt.push_back(x.s);
        if (trace) ni.push_back(par.size() - 1);
      }
      if (vis.n > maxS || el() > tmax) {
        printf(
            "CAPPED mut=%s states=%llu trans=%llu depth=%d(complete to %d) t=%.1fs conf=%s "
            "ballots=%s\n",
            C.mut.c_str(), (unsigned long long)vis.n, (unsigned long long)trans, depth + 1, depth,
            el(), conf.c_str(), bl.c_str());
        return 0;
      }
    }
    cur.swap(nxt);
    ci.swap(ni);
    depth++;
    if (gi("v", 0))
      fprintf(stderr, "depth %d frontier %zu total %llu t=%.0f\n", depth, cur.size(),
              (unsigned long long)vis.n, el());
  }
  printf(
      "OK-EXHAUSTIVE mut=%s states=%llu trans=%llu depth=%d t=%.1fs conf=%s ballots=%s piggy=%d "
      "readers=%d del=%d vol=%d bulk=%d\n",
      C.mut.c_str(), (unsigned long long)vis.n, (unsigned long long)trans, depth, el(),
      conf.c_str(), bl.c_str(), C.piggy, C.reads ? C.nR : 0, C.del, C.vol, C.bulk);
  return 0;
}

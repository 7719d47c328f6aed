using TorchSharp;
using static TorchSharp.torch;

namespace ManagedCircle.Benchmarks.Peers;

/// <summary>A loss in PyTorch's tensors, the rows already in one.</summary>
internal abstract class TorchLoss : IPeer
{
    protected const double Gamma = 80, Margin = 0.4;

    private readonly Problem problem;
    private double value;

    protected TorchLoss(Problem problem, int threads, bool autograd)
    {
        set_num_threads(threads);
        this.problem = problem;
        Rows = tensor(problem.Rows, problem.N, problem.D, requires_grad: autograd);
        Labels = tensor(Array.ConvertAll(problem.Labels, static label => (long)label));
    }

    public string Note => $"libtorch {__version__} by TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}";

    public double Flops => 3.0 * problem.N * problem.N * problem.D;

    protected Tensor Rows { get; }

    protected Tensor Labels { get; }

    /// <summary>The options of ManagedCircle that compute the same.</summary>
    protected abstract CircleLossOptions Options { get; }

    protected abstract Tensor Gradient { get; }

    public double Run()
    {
        using DisposeScope scope = NewDisposeScope();
        return value = ForwardBackward();
    }

    public void Check() => Agreement.OfLoss(problem, Options, value, Gradient.data<float>().ToArray());

    public virtual void Dispose()
    {
        Rows.Dispose();
        Labels.Dispose();
    }

    protected abstract double ForwardBackward();
}

/// <summary>A loss of which autograd finds the gradient.</summary>
internal abstract class AutogradLoss(Problem problem, int threads) : TorchLoss(problem, threads, autograd: true)
{
    protected override Tensor Gradient => Rows.grad!;

    protected sealed override double ForwardBackward()
    {
        Rows.grad?.zero_();
        Tensor loss = Loss();
        loss.backward();
        return loss.ToSingle();
    }

    protected abstract Tensor Loss();
}

/// <summary>
/// pytorch-metric-learning's way: lists of all pairs by <c>where</c>, masks from them, the similarities taken out and the logits put back by mask, two masked
/// log-sum-exps; alpha detached, the mean over losses above 0.
/// </summary>
internal sealed class PairListLoss(Problem problem, int threads) : AutogradLoss(problem, threads)
{
    protected override CircleLossOptions Options => CircleLossOptions.PyTorchMetricLearning;

    protected override Tensor Loss()
    {
        Tensor units = nn.functional.normalize(Rows, p: 2, dim: 1);
        Tensor similarities = matmul(units, units.t());
        Tensor same = Labels.unsqueeze(1).eq(Labels.unsqueeze(0)).to(ScalarType.Byte);
        Tensor different = same.bitwise_xor(ones_like(same));
        same.diagonal().fill_(0);
        Tensor positives = Mask(similarities, same), negatives = Mask(similarities, different);

        Tensor logits = zeros_like(similarities);
        Tensor positive = similarities.masked_select(positives), negative = similarities.masked_select(negatives);
        logits.index_put_((1 + Margin - positive.detach()).relu() * -Gamma * (positive - (1 - Margin)), positives);
        logits.index_put_((negative.detach() + Margin).relu() * Gamma * (negative - Margin), negatives);
        Tensor losses = nn.functional.softplus(LogSumExp(logits, positives) + LogSumExp(logits, negatives));
        Tensor valid = positives.any(1).logical_and(negatives.any(1));
        losses = losses * valid.to(ScalarType.Float32);
        return losses.masked_select(losses > 0).mean();
    }

    private static Tensor Mask(Tensor similarities, Tensor pairs)
    {
        Tensor indices = nonzero(pairs), mask = zeros_like(similarities);
        mask.index_put_(ones(indices.shape[0]), indices.select(1, 0), indices.select(1, 1));
        return mask.to(ScalarType.Bool);
    }

    private static Tensor LogSumExp(Tensor logits, Tensor mask) =>
        logits.masked_fill(mask.logical_not(), float.NegativeInfinity).logsumexp(1, false).masked_fill(mask.any(1).logical_not(), 0);
}

/// <summary>
/// Keras' way: distances 1 - s held at 0 or above, every step on the whole matrix, masks as factors; alpha attached, the rows taken as they are, the mean over
/// losses above 0.
/// </summary>
internal sealed class WholeMatrixLoss(Problem problem, int threads) : AutogradLoss(problem, threads)
{
    // In TorchSharp 0.107.0 a number less a tensor leaves a tensor behind for the garbage collector, so the numbers are tensors here.
    private readonly Tensor one = tensor(1f), margin = tensor((float)Margin), onePlusMargin = tensor((float)(1 + Margin)),
        oneLessMargin = tensor((float)(1 - Margin));

    protected override CircleLossOptions Options => CircleLossOptions.Keras;

    protected override Tensor Loss()
    {
        Tensor distances = (one - matmul(Rows, Rows.t())).clamp_min(0);
        Tensor same = Labels.unsqueeze(1).eq(Labels.unsqueeze(0));
        Tensor negatives = same.logical_not();
        Tensor positives = same.logical_and(eye(Rows.shape[0], dtype: ScalarType.Bool).logical_not());

        Tensor positiveWeights = ((margin + distances) * positives.to(ScalarType.Float32)).clamp_min(0);
        Tensor negativeWeights = ((onePlusMargin - distances) * negatives.to(ScalarType.Float32)).clamp_min(0);
        Tensor positiveLogits = -Gamma * positiveWeights * (margin - distances);
        Tensor negativeLogits = Gamma * negativeWeights * (oneLessMargin - distances);
        Tensor losses = nn.functional.softplus(LogSumExp(positiveLogits, positives) + LogSumExp(negativeLogits, negatives));
        Tensor counted = (losses > 0).to(ScalarType.Float32);
        return (losses * counted).sum() / counted.sum();
    }

    private static Tensor LogSumExp(Tensor logits, Tensor mask) => where(mask, logits, full_like(logits, float.NegativeInfinity)).logsumexp(1, false);
}

/// <summary>
/// The best that tensors allow: no autograd, alpha detached, two [N, N] matrices that outlive the calls and are worked on in place, and the few positives
/// handled as a list.
/// </summary>
internal sealed class HandWrittenLoss : TorchLoss
{
    private readonly Tensor similarities, weights, gradient;
    private readonly int n;

    public HandWrittenLoss(Problem problem, int threads)
        : base(problem, threads, autograd: false)
    {
        n = problem.N;
        similarities = empty(n, n);
        weights = empty(n, n);
        gradient = empty(n, problem.D);
    }

    protected override CircleLossOptions Options => CircleLossOptions.Paper;

    protected override Tensor Gradient => gradient;

    public override void Dispose()
    {
        similarities.Dispose();
        weights.Dispose();
        gradient.Dispose();
        base.Dispose();
    }

    protected override double ForwardBackward()
    {
        using IDisposable noGradient = no_grad();
        Tensor norms = Rows.norm(1, true, 2).clamp_min_(1e-12), units = Rows / norms;
        similarities.addmm_(units, units.t(), 0, 1);
        Tensor flatSimilarities = similarities.view(-1), flatWeights = weights.view(-1);

        // Pairs of the same class, as places in the matrix; among them the diagonal.
        Tensor places = Labels.unsqueeze(1).eq(Labels.unsqueeze(0)).view(-1).nonzero().view(-1);
        Tensor rows = places.div(n, RoundingMode.floor), isPair = rows.ne(places.remainder(n));
        Tensor pairPlaces = places.masked_select(isPair), pairRows = rows.masked_select(isPair);

        // Positives: their logits reach gamma (4 - m^2) / 4 or so, which doubles hold without a maximum.
        Tensor positive = flatSimilarities.index_select(0, pairPlaces).to(ScalarType.Float64);
        Tensor positiveWeights = (1 + Margin - positive).clamp_min_(0);
        Tensor positiveTerms = (positiveWeights * (positive - (1 - Margin)) * -Gamma).exp_();
        Tensor positiveSums = zeros(n, ScalarType.Float64).index_add_(0, pairRows, positiveTerms, 1);

        // Negatives: similarities become logits, then terms of the log-sum-exp, in place.
        weights.copy_(similarities).add_(Margin).clamp_min_(0);
        similarities.sub_(Margin).mul_(weights);
        flatSimilarities.index_fill_(0, places, float.NegativeInfinity);
        Tensor largest = similarities.amax([1L], true);
        similarities.sub_(largest).mul_(Gamma).exp_();
        Tensor negativeSums = similarities.sum(1, true);

        Tensor valid = (positiveSums > 0).logical_and_(negativeSums.squeeze(1) > 0);
        Tensor z = positiveSums.log() + (largest.mul(Gamma) + negativeSums.log()).squeeze(1).to(ScalarType.Float64);
        Tensor validCount = valid.sum();
        double loss = (nn.functional.softplus(z).masked_fill_(valid.logical_not(), 0).sum() / validCount).ToDouble();
        Tensor scale = z.sigmoid().masked_fill_(valid.logical_not(), 0).mul_(Gamma).div_(validCount);

        // dL/ds over the weights, and from it the rows' gradient through their normalisation.
        weights.mul_(similarities).mul_((scale.unsqueeze(1) / negativeSums).to(ScalarType.Float32));
        Tensor pairScale = (scale / positiveSums).nan_to_num_(0, 0, 0).index_select(0, pairRows);
        flatWeights.index_copy_(0, pairPlaces, positiveTerms.mul_(positiveWeights).mul_(pairScale).neg_().to(ScalarType.Float32));
        gradient.addmm_(weights, units, 0, 1);
        gradient.addmm_(weights.t(), units, 1, 1);
        gradient.sub_((gradient * units).sum(1, true) * units).div_(norms);
        return loss;
    }
}

/// <summary>PyTorch's matrix product.</summary>
internal sealed class TorchProduct : IPeer
{
    private readonly Problem problem;
    private readonly Tensor left, right, product;

    public TorchProduct(Problem problem, int threads)
    {
        set_num_threads(threads);
        this.problem = problem;
        left = tensor(problem.Rows, problem.N, problem.D);
        right = tensor(problem.Rows, problem.N, problem.D);
        product = empty(problem.N, problem.N);
    }

    public string Note => $"libtorch {__version__}";

    public double Flops => 2.0 * problem.N * problem.N * problem.D;

    public double Run()
    {
        using DisposeScope scope = NewDisposeScope();
        product.addmm_(left, right.t(), 0, 1);
        return 0;
    }

    public void Check() => Agreement.OfProduct(problem, product.data<float>().ToArray());

    public void Dispose()
    {
        left.Dispose();
        right.Dispose();
        product.Dispose();
    }
}

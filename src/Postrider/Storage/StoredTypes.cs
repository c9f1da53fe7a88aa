using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Dapper;

namespace Postrider.Storage;

/// <summary>How .NET values stand in the database: Guid as 16 bytes big-endian, instants as UTC microseconds, bool as 0 or 1, snake_case columns.</summary>
internal static class StoredTypes
{
    /// <summary>Makes a record struct over a Guid usable as a parameter and a column. Called once per id type, from the folder that owns it.</summary>
    public static void AddId<T>(Func<Guid, T> wrap, Func<T, Guid> unwrap) where T : struct =>
        SqlMapper.AddTypeHandler(typeof(T), new IdHandler<T>(wrap, unwrap));

    public static long Micros(DateTimeOffset instant) => (instant.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Instant(long micros) => DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond);

    // Dapper keeps its handlers in static tables: they must be there before the first query of any test or host.
    [ModuleInitializer]
    internal static void Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        foreach (var type in (Type[])[typeof(Guid), typeof(Guid?), typeof(DateTimeOffset), typeof(DateTimeOffset?), typeof(bool), typeof(bool?), typeof(int), typeof(int?)])
            SqlMapper.RemoveTypeMap(type);
        AddId<Guid>(id => id, id => id);
        SqlMapper.AddTypeHandler(typeof(DateTimeOffset), new InstantHandler());
        SqlMapper.AddTypeHandler(typeof(bool), new BoolHandler());
        SqlMapper.AddTypeHandler(typeof(int), new IntHandler());
    }

    // SqlMapper.TypeHandler would leave a NULL without a type, which PostgreSQL cannot always guess and takes for another statement.
    private abstract class Handler<T>(DbType type) : SqlMapper.ITypeHandler where T : struct
    {
        public void SetValue(IDbDataParameter parameter, object value)
        {
            parameter.DbType = type;
            parameter.Value = value is T known ? Stored(known) : DBNull.Value;
        }

        public object? Parse(Type destinationType, object value) => value is T known ? known : Read(value);

        protected abstract object Stored(T value);

        protected abstract T Read(object value);
    }

    private sealed class IdHandler<T>(Func<Guid, T> wrap, Func<T, Guid> unwrap) : Handler<T>(DbType.Binary) where T : struct
    {
        protected override object Stored(T value) => unwrap(value).ToByteArray(bigEndian: true);

        protected override T Read(object value) => wrap(new Guid((byte[])value, bigEndian: true));
    }

    private sealed class InstantHandler() : Handler<DateTimeOffset>(DbType.Int64)
    {
        protected override object Stored(DateTimeOffset value) => Micros(value);

        protected override DateTimeOffset Read(object value) => Instant((long)value);
    }

    // Without these two Dapper cannot call a record's constructor: the hub's integers are all Int64.
    private sealed class BoolHandler() : Handler<bool>(DbType.Int64)
    {
        protected override object Stored(bool value) => value ? 1L : 0L;

        protected override bool Read(object value) => Convert.ToInt64(value, CultureInfo.InvariantCulture) != 0;
    }

    private sealed class IntHandler() : Handler<int>(DbType.Int64)
    {
        protected override object Stored(int value) => (long)value;

        protected override int Read(object value) => checked((int)Convert.ToInt64(value, CultureInfo.InvariantCulture));
    }
}
